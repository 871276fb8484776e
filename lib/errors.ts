/** Whether this is an error of the system with this code, e.g. "ENOENT". */
export const hasErrorCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;
