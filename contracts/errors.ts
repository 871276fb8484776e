import { z } from "zod";

/** Codes are stable; messages tell people what is wrong and how to fix it. */
export const errorCodeSchema = z.enum([
  "invalid-input",
  "too-large",
  "not-found",
  "conflict",
  "unauthorized",
  "stale-attempt",
  "out-of-order",
  "generator-unavailable",
  "retriever-unavailable",
  "engine-unavailable",
  "sampler-unavailable",
  "storage-full",
  "database-unavailable",
  "unsupported",
  "cancelled",
  "alarm",
  "internal",
]);
export type ErrorCode = z.infer<typeof errorCodeSchema>;

/** The one error type that modules throw on purpose. Any other error is a defect ("internal"). */
export class AppError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = "AppError";
  }
}

export const wireErrorSchema = z.object({ code: errorCodeSchema, message: z.string() });
export type WireError = z.infer<typeof wireErrorSchema>;

export function toWireError(error: unknown): WireError {
  if (error instanceof AppError) return { code: error.code, message: error.message };
  return { code: "internal", message: error instanceof Error ? error.message : String(error) };
}

/** The error that another process told; a code that is none of ours is a defect's. */
export function fromWireError({ code, message }: { code: string; message: string }): AppError {
  return new AppError(errorCodeSchema.catch("internal").parse(code), message);
}

/** One line per problem, each with the path of the setting: "rl.groupSize: must be at least 2". */
export function describeIssues(error: z.ZodError): string {
  return error.issues.map((i) => `${i.path.join(".") || "(root)"}: ${i.message}`).join("\n");
}

/** Parses what crossed a boundary. @throws AppError "invalid-input" that names `what` and every problem in it */
export function parseOrThrow<T extends z.ZodType>(
  schema: T,
  value: unknown,
  what: string,
): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new AppError("invalid-input", `${what} is not valid:\n${describeIssues(result.error)}`);
}
