import { z } from "zod";

/** An attempt is the fencing token: every message about a run names it, and a stale one is refused. */
export const attemptRefSchema = z.object({ runId: z.uuid(), attempt: z.int32().positive() });
export type AttemptRef = z.infer<typeof attemptRefSchema>;
