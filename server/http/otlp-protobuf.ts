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

/** Ids are bytes, which OTLP's JSON writes as hex. */
const ID_FIELDS = ["traceId", "spanId", "parentSpanId"] as const;

/** A request in the form of OTLP's JSON. @throws AppError "invalid-input" where the bytes are none */
export function decodeTraceRequest(bytes: Uint8Array): unknown {
  let request: {
    resourceSpans?: { scopeSpans?: { spans?: Record<string, string>[] }[] }[];
  };
  try {
    request = REQUEST.toObject(REQUEST.decode(bytes), { longs: String, bytes: String });
  } catch (cause) {
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
