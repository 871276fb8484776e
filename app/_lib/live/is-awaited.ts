interface QueryProgress {
  isPending: boolean;
  failureCount: number;
  errorUpdateCount: number;
}

/**
 * Whether a part of a page is waited for, so that all come together. Not where its query has failed once: it is tried again
 * for seconds, and by each part that is drawn, which hides no other part.
 */
export const isAwaited = ({ isPending, failureCount, errorUpdateCount }: QueryProgress): boolean =>
  isPending && failureCount === 0 && errorUpdateCount === 0;
