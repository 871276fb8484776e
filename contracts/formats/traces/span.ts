import { z } from "zod";

const spanIdSchema = z.string().regex(/^[0-9a-f]{16}$/, "no id of a span: 16 hex digits");

/** A span of OpenTelemetry as it is kept: its attributes nested by the dots of their names. */
export const traceSpanSchema = z.object({
  traceId: z.string().regex(/^[0-9a-f]{32}$/, "no id of a trace: 32 hex digits"),
  spanId: spanIdSchema,
  /** Null: the first of its trace. */
  parentId: spanIdSchema.nullable(),
  name: z.string(),
  /** Milliseconds since the epoch. */
  start: z.number(),
  end: z.number(),
  /** The message of a span that failed. */
  error: z.string().nullable(),
  attributes: z.record(z.string(), z.unknown()),
});
export type TraceSpan = z.infer<typeof traceSpanSchema>;
