/** Whether the process uses nothing that is private to Node: some guarantees need that, and say so in their tests' titles. */
export const IS_DOCUMENTED = process.env.WASOCK_NODE === 'documented';
