/** Whether this is an error of the system with this code, e.g. "ENOENT". */
export const hasErrorCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;

/** Says why a request failed by its innermost cause: "fetch failed" alone says nothing. */
export function describeFetchError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return describeFetchError(error.cause);
  if (error instanceof AggregateError && error.errors[0] instanceof Error)
    return describeFetchError(error.errors[0]);
  return error.message || error.name;
}
