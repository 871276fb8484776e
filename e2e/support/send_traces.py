"""
Sends one search rollout by OpenTelemetry's own exporter, as the environment configures it
(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_RESOURCE_ATTRIBUTES, OTEL_EXPORTER_OTLP_COMPRESSION).

argv: question, reward, step
"""

import json
import sys

from openinference.semconv.trace import (
    DocumentAttributes,
    MessageAttributes,
    OpenInferenceSpanKindValues,
    RerankerAttributes,
    SpanAttributes,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

KIND = SpanAttributes.OPENINFERENCE_SPAN_KIND
CARDS = [("a", "Card 1", "Text of card 1."), ("b", "Card 2", "Text of card 2.")]


def list_documents(prefix, cards):
    found = {}
    for i, (name, title, text) in enumerate(cards):
        found[f"{prefix}.{i}.{DocumentAttributes.DOCUMENT_ID}"] = name
        found[f"{prefix}.{i}.{DocumentAttributes.DOCUMENT_CONTENT}"] = text
        found[f"{prefix}.{i}.{DocumentAttributes.DOCUMENT_METADATA}"] = json.dumps({"title": title})
    return found


def send(question, reward, step):
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracer = provider.get_tracer("trainer")
    message = f"{SpanAttributes.LLM_OUTPUT_MESSAGES}.0.{MessageAttributes.MESSAGE_CONTENT}"
    kinds = OpenInferenceSpanKindValues
    with tracer.start_as_current_span("rollout") as root:
        root.set_attributes({KIND: kinds.AGENT.value, SpanAttributes.INPUT_VALUE: question})
        with tracer.start_as_current_span("think") as span:
            span.set_attributes({KIND: kinds.LLM.value, message: "I search."})
        with tracer.start_as_current_span("search") as span:
            documents = list_documents(SpanAttributes.RETRIEVAL_DOCUMENTS, CARDS)
            span.set_attributes(
                {KIND: kinds.RETRIEVER.value, SpanAttributes.INPUT_VALUE: "card one", **documents}
            )
        with tracer.start_as_current_span("keep") as span:
            kept = list_documents(RerankerAttributes.RERANKER_OUTPUT_DOCUMENTS, CARDS[1:])
            span.set_attributes({KIND: kinds.RERANKER.value, **kept})
        root.set_attributes(
            {"s3.reward": reward, "s3.step": step, SpanAttributes.OUTPUT_VALUE: "an answer"}
        )
    provider.shutdown()


if __name__ == "__main__":
    send(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
