import { z } from "zod";

/**
 * What OpenTelemetry's exporters send as traces, in the JSON of OTLP 1 (ids as hex, 64-bit integers as texts); what a
 * request holds besides is ignored. Its protobuf is read into the same. https://opentelemetry.io/docs/specs/otlp/
 */

const longSchema = z.union([
  z.string().regex(/^-?\d{1,20}$/, "not a whole number"),
  z.number().refine(Number.isInteger, "not a whole number"),
]);

/** A value of an attribute. */
const anyValueSchema: z.ZodType<AnyValue> = z.lazy(() =>
  z.object({
    stringValue: z.string().optional(),
    boolValue: z.boolean().optional(),
    intValue: longSchema.optional(),
    doubleValue: z.union([z.number(), z.enum(["NaN", "Infinity", "-Infinity"])]).optional(),
    bytesValue: z.string().optional(),
    arrayValue: z.object({ values: z.array(anyValueSchema).default([]) }).optional(),
    kvlistValue: z.object({ values: z.array(keyValueSchema).default([]) }).optional(),
  }),
);
export interface AnyValue {
  stringValue?: string | undefined;
  boolValue?: boolean | undefined;
  intValue?: string | number | undefined;
  doubleValue?: number | string | undefined;
  bytesValue?: string | undefined;
  arrayValue?: { values: AnyValue[] } | undefined;
  kvlistValue?: { values: KeyValue[] } | undefined;
}
export interface KeyValue {
  key: string;
  value?: AnyValue | undefined;
}
const keyValueSchema: z.ZodType<KeyValue> = z.object({
  key: z.string(),
  value: anyValueSchema.optional(),
});
const attributesSchema = z.array(keyValueSchema).default([]);

const spanSchema = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().default(""),
  name: z.string().default(""),
  startTimeUnixNano: longSchema.default(0),
  endTimeUnixNano: longSchema.default(0),
  attributes: attributesSchema,
  status: z
    .object({ message: z.string().default(""), code: z.union([z.int(), z.string()]).default(0) })
    .optional(),
});
export type OtlpSpan = z.output<typeof spanSchema>;

export const exportTraceRequestSchema = z.object({
  resourceSpans: z
    .array(
      z.object({
        resource: z.object({ attributes: attributesSchema }).optional(),
        scopeSpans: z.array(z.object({ spans: z.array(spanSchema).default([]) })).default([]),
      }),
    )
    .default([]),
});
export type ExportTraceRequest = z.output<typeof exportTraceRequestSchema>;
