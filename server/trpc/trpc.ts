import { initTRPC, TRPCError } from "@trpc/server";
import { transformer } from "@/contracts/api/transformer";
import { AppError, describeIssues, type ErrorCode } from "@/contracts/errors";
import { describeUnstorable, findUnstorable } from "@/server/platform/db/json";
import { toDatabaseAppError } from "@/server/platform/db/errors";
import type { Services } from "./services";
import { ZodError } from "zod";

/** What a procedure may use: the rules, and who asks. */
export interface ApiContext {
  services: Services;
  /** Written into histories and created_by. */
  actor: string;
}

const HTTP_CODE: Record<ErrorCode, TRPCError["code"]> = {
  "invalid-input": "BAD_REQUEST",
  "too-large": "PAYLOAD_TOO_LARGE",
  "not-found": "NOT_FOUND",
  conflict: "CONFLICT",
  unauthorized: "UNAUTHORIZED",
  "stale-attempt": "CONFLICT",
  "out-of-order": "CONFLICT",
  "generator-unavailable": "BAD_GATEWAY",
  "retriever-unavailable": "BAD_GATEWAY",
  "engine-unavailable": "SERVICE_UNAVAILABLE",
  "sampler-unavailable": "SERVICE_UNAVAILABLE",
  "database-unavailable": "SERVICE_UNAVAILABLE",
  "storage-full": "INTERNAL_SERVER_ERROR",
  unsupported: "BAD_REQUEST",
  cancelled: "CLIENT_CLOSED_REQUEST",
  alarm: "CONFLICT",
  internal: "INTERNAL_SERVER_ERROR",
};

const t = initTRPC.context<ApiContext>().create({
  transformer,
  /** Clients read `data.appCode` (contracts/errors.ts); a refused input becomes one line per setting. */
  errorFormatter({ shape, error }) {
    const { cause } = error;
    const appCode: ErrorCode =
      cause instanceof AppError
        ? cause.code
        : error.code === "NOT_FOUND"
          ? "not-found"
          : shape.data.httpStatus < 500
            ? "invalid-input"
            : "internal";
    const message = cause instanceof ZodError ? describeIssues(cause) : shape.message;
    return { ...shape, message, data: { ...shape.data, appCode, stack: undefined } };
  },
});

const appErrors = t.middleware(async ({ next }) => {
  const result = await next();
  if (result.ok) return result;
  const cause = toDatabaseAppError(result.error.cause);
  if (!(cause instanceof AppError)) return result;
  throw new TRPCError({ code: HTTP_CODE[cause.code], message: cause.message, cause });
});

/** Fields that hold files, whose readers name the line of what they cannot take. */
const FILE_FIELDS = new Set(["content", "jsonl"]);

/** Texts of people are refused where the database would need them changed: never another value without a word. */
const storableInput = t.middleware(async ({ next, getRawInput }) => {
  const found = findUnstorable(await getRawInput(), FILE_FIELDS);
  if (found === null) return next();
  throw new TRPCError({
    code: "BAD_REQUEST",
    message: describeUnstorable(found),
  });
});

export const router = t.router;
export const procedure = t.procedure.use(appErrors).use(storableInput);
