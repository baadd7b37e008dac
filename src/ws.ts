import { exported } from './ws/exported.js';

export = exported;
