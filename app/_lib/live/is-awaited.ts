/**
 * Whether a part of a page is waited for, so that all come together. Not where its query has failed once: it is tried again
 * for seconds, which hides no other part.
 */
export const isAwaited = (query: { isPending: boolean; failureCount: number }): boolean =>
  query.isPending && query.failureCount === 0;
