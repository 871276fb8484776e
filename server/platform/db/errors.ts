import { AppError } from "@/contracts/errors";

/** What a failure of Prisma or of its driver says of itself. */
interface DatabaseFailure {
  /** Code of Prisma ("P2010"). */
  prismaCode: string | null;
  /** SQLSTATE of PostgreSQL ("22003"), or the system's code of a connection that failed. */
  sqlState: string | null;
  message: string;
}

const readText = (value: unknown, name: string): string | null => {
  if (typeof value !== "object" || value === null) return null;
  const text = (value as Record<string, unknown>)[name];
  return typeof text === "string" ? text : null;
};

function readFailure(error: Error): DatabaseFailure {
  const { meta } = error as Error & { meta?: { driverAdapterError?: Error } };
  const driver = meta?.driverAdapterError?.cause ?? error.cause;
  return {
    prismaCode: readText(error, "code"),
    sqlState:
      readText(driver, "originalCode") ?? readText(driver, "code") ?? readText(error, "code"),
    message: `${error.message} ${readText(driver, "kind") ?? ""}`,
  };
}

/** Prisma's codes for a database that is not reached or went away, and for a transaction that it ended. */
const UNREACHABLE_PRISMA = new Set(["P1001", "P1002", "P1008", "P1017", "P2024", "P2028"]);
/** PostgreSQL stops, starts or ended the connection; the system's words for the same. */
const UNREACHABLE_STATE =
  /^(?:57P0[1-5]|08...|53300|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOTFOUND)$/;
const UNREACHABLE_MESSAGE =
  /Connection terminated|timeout exceeded when trying to connect|DatabaseNotReachable|ConnectionClosed|SocketTimeout|Client has encountered a connection error|ECONNREFUSED/;

/** Whether the database is away, so that the same statement may succeed later. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AppError) return error.code === "database-unavailable";
  const { prismaCode, sqlState, message } = readFailure(error);
  return (
    (prismaCode !== null && UNREACHABLE_PRISMA.has(prismaCode)) ||
    (sqlState !== null && UNREACHABLE_STATE.test(sqlState)) ||
    UNREACHABLE_MESSAGE.test(message)
  );
}

/**
 * Whether Prisma ended a transaction that took longer than it may: the database answers, and the same work may take as
 * long again. Not where none could be begun in time.
 */
export function isTransactionTimeout(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { prismaCode, message } = readFailure(error);
  return prismaCode === "P2028" && !/Unable to start a transaction/.test(message);
}

/** What is wrong with a value that PostgreSQL refuses (SQLSTATE class 22 and 23, and Prisma's own checks before it). */
const REFUSALS: readonly (readonly [RegExp, string])[] = [
  [/^22003$/, "A number is too large, or too small, to be stored."],
  [/^22(?:007|008)$/, "A point in time is outside of what can be stored."],
  [/^22P0[25]$|^22021$/, "A value is not of the form that is stored."],
  [/^22001$/, "A text is longer than what can be stored."],
  [/^23503$/, "A value names something that does not exist."],
  [/^2[23]...$/, "A value cannot be stored."],
];
const PRISMA_REFUSAL = /^P20(?:00|05|06|07|19|20|33)$/;

/**
 * An error of the database as one of ours: "database-unavailable" where it is away, "invalid-input" where it refuses a
 * value, which it would refuse again. Any other error is returned as it is.
 */
export function toDatabaseAppError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof AppError) return error;
  if (isDatabaseUnavailable(error))
    return new AppError("database-unavailable", "The database does not answer at the moment.", {
      cause: error,
    });
  const { prismaCode, sqlState } = readFailure(error);
  if (sqlState === "53100")
    return new AppError("storage-full", "The disk of the database is full.", { cause: error });
  const refusal =
    REFUSALS.find(([state]) => sqlState !== null && state.test(sqlState))?.[1] ??
    (prismaCode !== null && PRISMA_REFUSAL.test(prismaCode) ? REFUSALS[0]?.[1] : undefined);
  return refusal === undefined ? error : new AppError("invalid-input", refusal, { cause: error });
}
