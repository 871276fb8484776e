"use client";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { z } from "zod";
import { Thoughts } from "@/app/_episode/thoughts";
import { cn } from "@/app/_lib/cn";
import { formatInteger, formatNumber, formatSeconds } from "@/app/_lib/format";
import { Badge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { Card } from "@/app/_ui/card";
import type { EpisodeStep, StepOfKind } from "@/contracts/records/episode";
import { splitThoughts } from "@/core/episode/thoughts";

type RawStepsProps = { steps: readonly EpisodeStep[]; model: string | null };

/** Every step as it happened, without interpretation. */
export function RawSteps({ steps, model }: RawStepsProps) {
  return (
    <ol className="space-y-3">
      {steps.map((step, i) => (
        <li key={i}>
          <Card className="px-4 py-3">
            <p className="flex flex-wrap items-center gap-2 text-xs">
              <span className="font-mono text-muted-foreground">{i + 1}</span>
              <Badge
                tone={
                  step.kind === "reject" ? "warn" : step.kind === "generate" ? "primary" : "neutral"
                }
              >
                {step.kind}
              </Badge>
              <span className="text-muted-foreground">turn {step.turn}</span>
              <span className="ml-auto font-mono text-muted-foreground">
                {formatSeconds(step.seconds)}
              </span>
            </p>
            <StepBody step={step} model={model} />
          </Card>
        </li>
      ))}
    </ol>
  );
}

const pre = "mt-2 overflow-x-auto font-mono text-xs leading-5 break-words whitespace-pre-wrap";

function StepBody({ step, model }: { step: EpisodeStep; model: string | null }) {
  switch (step.kind) {
    case "generate":
      return <GenerateBody step={step} model={model} />;
    case "retrieve":
      return (
        <pre
          className={pre}
        >{`${step.query}\n${step.documents.map((d, i) => `${i + 1}  ${d.score === null ? "" : d.score.toFixed(4)}  ${d.id}`).join("\n")}`}</pre>
      );
    case "select":
      return (
        <pre
          className={pre}
        >{`${step.implicit ? "implicit select-all: " : ""}${step.selected.join(", ") || "nothing"}`}</pre>
      );
    case "condense":
      return <WrittenText text={step.text} />;
    case "reject":
      return <pre className={pre}>{`${step.error}\n${step.text}`}</pre>;
    case "stop":
      return <pre className={pre}>{step.reason}</pre>;
  }
}

function GenerateBody({ step, model }: { step: StepOfKind<"generate">; model: string | null }) {
  const [showTokens, setShowTokens] = useState(true);
  const hasTokens = step.ids !== undefined && step.ids.length > 0;
  return (
    <>
      {step.prompt ? (
        <details className="mt-2">
          <summary className="cursor-pointer text-xs text-muted-foreground">
            Prompt, {formatInteger(step.prompt.length)} characters
          </summary>
          <pre className={cn(pre, "text-muted-foreground")}>{step.prompt}</pre>
        </details>
      ) : null}
      {hasTokens ? (
        <Button
          size="sm"
          variant="ghost"
          className="mt-2 -ml-2"
          aria-pressed={showTokens}
          onClick={() => setShowTokens(!showTokens)}
        >
          {showTokens ? "Show as text" : "Show as tokens"}
        </Button>
      ) : null}
      {hasTokens && showTokens ? (
        <Tokens step={step} model={model} />
      ) : (
        <WrittenText text={step.text} />
      )}
    </>
  );
}

/** What a model wrote, its thoughts apart. */
function WrittenText({ text: written }: { text: string }) {
  const { text, thoughts } = splitThoughts(written);
  return (
    <>
      {thoughts === null ? null : <Thoughts text={thoughts} />}
      <pre className={pre}>{text}</pre>
    </>
  );
}

const decodedSchema = z.object({ texts: z.array(z.string()) });

/** Text of each token; ids are sent to the server, because the vocabulary is larger than the page. */
function useTokenTexts(model: string | null, ids: readonly number[]) {
  return useQuery({
    queryKey: ["token-texts", model, ids],
    enabled: model !== null && ids.length > 0,
    staleTime: Infinity,
    retry: false,
    queryFn: async () => {
      const response = await fetch("/tokens", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model, ids }),
      });
      if (!response.ok) throw new Error(await response.text());
      return decodedSchema.parse(await response.json()).texts;
    },
  });
}

function Tokens({ step, model }: { step: StepOfKind<"generate">; model: string | null }) {
  const ids = step.ids ?? [];
  const texts = useTokenTexts(model, ids);
  const chosen = step.mask?.reduce<number>((n, m) => n + m, 0) ?? null;
  const mean =
    chosen && step.logprobs
      ? step.logprobs.reduce((sum, l, i) => sum + (step.mask?.[i] === 1 ? l : 0), 0) / chosen
      : null;
  return (
    <>
      <p className="mt-1 flex flex-wrap gap-x-4 gap-y-1 text-2xs text-muted-foreground">
        <span>
          {formatInteger(ids.length)} tokens
          {chosen === null ? "" : `, ${formatInteger(chosen)} chosen by the policy`}
        </span>
        {mean === null ? null : <span>mean log-probability {formatNumber(mean)}</span>}
        <span className="flex items-center gap-1">
          <span className="inline-block h-3 w-4 rounded-xs bg-primary/30" aria-hidden /> policy,
          darker the less likely
        </span>
        <span className="flex items-center gap-1">
          <span className="inline-block h-3 w-4 rounded-xs border border-dashed" aria-hidden />{" "}
          forced or given, no loss
        </span>
        {texts.isError ? <span className="text-warn">Only ids: {texts.error.message}</span> : null}
      </p>
      <div className={pre} data-testid="tokens">
        {ids.map((id, i) => {
          const policy = step.mask?.[i] !== 0;
          const logprob = policy ? step.logprobs?.[i] : undefined;
          const text = texts.data?.[i];
          const doubt = logprob === undefined ? 0.12 : 0.08 + 0.5 * (1 - Math.exp(logprob));
          return (
            <span
              key={i}
              title={`id ${id}${policy ? (logprob === undefined ? "" : `, log-probability ${logprob.toFixed(3)}, probability ${Math.exp(logprob).toFixed(3)}`) : ", not chosen by the policy"}`}
              className={cn(
                "rounded-xs",
                policy
                  ? ""
                  : "text-muted-foreground underline decoration-border decoration-dashed underline-offset-4",
                text === undefined && "mr-1",
              )}
              style={
                policy
                  ? {
                      background: `color-mix(in oklab, var(--primary) ${Math.round(doubt * 100)}%, transparent)`,
                    }
                  : undefined
              }
            >
              {text ?? id}
            </span>
          );
        })}
      </div>
    </>
  );
}
