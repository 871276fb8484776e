import { initTRPC, TRPCError } from "@trpc/server";
import superjson from "superjson";
import { AppError, describeIssues, type ErrorCode } from "@/contracts/errors";
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
  transformer: superjson,
  /** Clients read `data.appCode` (contracts/errors.ts); a refused input becomes one line per setting. */
  errorFormatter({ shape, error }) {
    const { cause } = error;
    const appCode: ErrorCode =
      cause instanceof AppError
        ? cause.code
        : error.code === "BAD_REQUEST"
          ? "invalid-input"
          : error.code === "NOT_FOUND"
            ? "not-found"
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

export const router = t.router;
export const procedure = t.procedure.use(appErrors);
