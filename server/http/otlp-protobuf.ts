import protobuf from "protobufjs";
import { AppError } from "@/contracts/errors";

/**
 * The protobuf of OTLP's trace requests and answers: the fields that are read and written here, by their numbers in
 * opentelemetry/proto/collector/trace/v1 and google/rpc/status.proto. Fields that are not named are skipped by protobuf's
 * own rules. https://github.com/open-telemetry/opentelemetry-proto
 */

const field = (id: number, type: string) => ({ id, type });
const repeated = (id: number, type: string) => ({ id, type, rule: "repeated" });

const { nested } = {
  nested: {
    AnyValue: {
      oneofs: {
        value: {
          oneof: [
            "stringValue",
            "boolValue",
            "intValue",
            "doubleValue",
            "arrayValue",
            "kvlistValue",
            "bytesValue",
          ],
        },
      },
      fields: {
        stringValue: field(1, "string"),
        boolValue: field(2, "bool"),
        intValue: field(3, "int64"),
        doubleValue: field(4, "double"),
        arrayValue: field(5, "ArrayValue"),
        kvlistValue: field(6, "KeyValueList"),
        bytesValue: field(7, "bytes"),
      },
    },
    ArrayValue: { fields: { values: repeated(1, "AnyValue") } },
    KeyValueList: { fields: { values: repeated(1, "KeyValue") } },
    KeyValue: { fields: { key: field(1, "string"), value: field(2, "AnyValue") } },
    Resource: { fields: { attributes: repeated(1, "KeyValue") } },
    SpanStatus: { fields: { message: field(2, "string"), code: field(3, "int32") } },
    Span: {
      fields: {
        traceId: field(1, "bytes"),
        spanId: field(2, "bytes"),
        parentSpanId: field(4, "bytes"),
        name: field(5, "string"),
        startTimeUnixNano: field(7, "fixed64"),
        endTimeUnixNano: field(8, "fixed64"),
        attributes: repeated(9, "KeyValue"),
        status: field(15, "SpanStatus"),
      },
    },
    ScopeSpans: { fields: { spans: repeated(2, "Span") } },
    ResourceSpans: {
      fields: { resource: field(1, "Resource"), scopeSpans: repeated(2, "ScopeSpans") },
    },
    ExportTraceServiceRequest: { fields: { resourceSpans: repeated(1, "ResourceSpans") } },
    PartialSuccess: {
      fields: { rejectedSpans: field(1, "int64"), errorMessage: field(2, "string") },
    },
    ExportTraceServiceResponse: { fields: { partialSuccess: field(1, "PartialSuccess") } },
    Status: { fields: { code: field(1, "int32"), message: field(2, "string") } },
  },
};
const ROOT = protobuf.Root.fromJSON({ nested });
const REQUEST = ROOT.lookupType("ExportTraceServiceRequest");

/** Wire type of what is preceded by its length: messages, texts, bytes. */
const LENGTH_DELIMITED = 2;

/** The refusal of a request that would take much more memory than it has bytes. */
export const buildTooManyError = (most: number): AppError =>
  new AppError(
    "too-large",
    `The request has more than ${most} fields, which is the most of one: send fewer spans at once (max_export_batch_size of the exporter, OTEL_BSP_MAX_EXPORT_BATCH_SIZE).`,
  );

/** Ids are bytes, which OTLP's JSON writes as hex. */
const ID_FIELDS = ["traceId", "spanId", "parentSpanId"] as const;

/** Counts the fields of a message and of those within it, without building them, until there are more than `most`. */
function countFields(
  reader: protobuf.Reader,
  type: protobuf.Type,
  end: number,
  most: number,
): number {
  let fields = 0;
  while (reader.pos < end && fields <= most) {
    const tag = reader.uint32();
    fields += 1;
    const inner = type.fieldsById[tag >>> 3]?.resolve().resolvedType;
    if (inner instanceof protobuf.Type && (tag & 7) === LENGTH_DELIMITED) {
      const bytes = reader.uint32();
      fields += countFields(reader, inner, reader.pos + bytes, most - fields);
    } else reader.skipType(tag & 7);
  }
  return fields;
}

/**
 * A request in the form of OTLP's JSON.
 * @throws AppError "invalid-input" where the bytes are none, "too-large" where they are more than so many fields
 */
export function decodeTraceRequest(bytes: Uint8Array, mostFields: number): unknown {
  let request: {
    resourceSpans?: { scopeSpans?: { spans?: Record<string, string>[] }[] }[];
  };
  try {
    const fields = countFields(protobuf.Reader.create(bytes), REQUEST, bytes.length, mostFields);
    if (fields > mostFields) throw buildTooManyError(mostFields);
    request = REQUEST.toObject(REQUEST.decode(bytes), { longs: String, bytes: String });
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError("invalid-input", `The body is no ExportTraceServiceRequest: ${why}`, {
      cause,
    });
  }
  for (const { scopeSpans = [] } of request.resourceSpans ?? [])
    for (const { spans = [] } of scopeSpans)
      for (const span of spans)
        for (const name of ID_FIELDS)
          if (span[name] !== undefined)
            span[name] = Buffer.from(span[name], "base64").toString("hex");
  return request;
}

const encode = (type: string, message: object): Uint8Array => {
  const found = ROOT.lookupType(type);
  return found.encode(found.fromObject(message)).finish();
};

/** The answer to a request: empty where everything was taken. */
export const encodeTraceResponse = (
  partialSuccess: { rejectedSpans: string; errorMessage: string } | null,
): Uint8Array =>
  encode("ExportTraceServiceResponse", partialSuccess === null ? {} : { partialSuccess });

/** google.rpc.Status, by which OTLP answers a request that failed. */
export const encodeStatus = (code: number, message: string): Uint8Array =>
  encode("Status", { code, message });
