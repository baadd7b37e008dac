import { describe, expect, test } from 'vitest';
import { Numbers, Progress } from '../../src/broker/sequences.js';

describe('Numbers', () => {
  test('of a topic follow one another, whatever is published on others', () => {
    const numbers = new Numbers();
    expect(numbers.next('a')).toEqual({ sequence: 1, isStart: true });
    expect(numbers.next('a')).toEqual({ sequence: 2, isStart: false });
    expect(numbers.next('b')).toEqual({ sequence: 3, isStart: true });
    expect(numbers.next('a')).toEqual({ sequence: 3, isStart: false });
    expect(numbers.next('b')).toEqual({ sequence: 4, isStart: false });
  });

  test('of a topic that was forgotten begin again above all that it had', () => {
    const numbers = new Numbers();
    for (let i = 0; i < 10; i++) numbers.next('a');
    for (let i = 0; i < 100_001; i++) numbers.next(`other ${i}`);
    const { sequence, isStart } = numbers.next('a');
    expect(isStart).toBe(true);
    expect(sequence).toBeGreaterThan(10);
  });

  test('of a topic that is in use are not forgotten', () => {
    const numbers = new Numbers();
    for (let i = 0; i < 200_000; i++) {
      numbers.next(`other ${i}`);
      expect(numbers.next('a').isStart).toBe(i === 0);
    }
  });
});

describe('Progress', () => {
  const place = (progress: Progress, sequence: number, isStart = false, origin = 'o') =>
    progress.place(origin, { sequence, isStart });

  test('broker.A-04: takes each number once, and sees a hole', () => {
    const progress = new Progress();
    expect(place(progress, 5)).toBe('next');
    expect(place(progress, 6)).toBe('next');
    expect(place(progress, 6)).toBe('repeated');
    expect(place(progress, 3)).toBe('repeated');
    expect(place(progress, 8)).toBe('after a gap');
    expect(place(progress, 7)).toBe('repeated');
    expect(place(progress, 9)).toBe('next');
  });

  test('knows each origin by itself', () => {
    const progress = new Progress();
    expect([place(progress, 5, false, 'a'), place(progress, 1, false, 'b')]).toEqual(['next', 'next']);
    expect([place(progress, 6, false, 'a'), place(progress, 2, false, 'b')]).toEqual(['next', 'next']);
  });

  test('sees no hole before a number that begins anew, and takes no lower one', () => {
    const progress = new Progress();
    expect(place(progress, 5)).toBe('next');
    expect(place(progress, 900, true)).toBe('next');
    expect(place(progress, 901)).toBe('next');
    expect(place(progress, 7, true)).toBe('repeated');
  });

  test('forgets the origin that was heard of first, if there are very many', () => {
    const progress = new Progress();
    for (let i = 0; i < 5000; i++) place(progress, 5, false, `o${i}`);
    expect(place(progress, 5, false, 'o4999')).toBe('repeated');
    expect(place(progress, 5, false, 'o0')).toBe('next');
  });
});
