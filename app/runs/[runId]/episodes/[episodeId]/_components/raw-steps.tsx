"use client";
import { useState } from "react";
import { Thoughts } from "@/app/_episode/thoughts";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatInteger, formatSeconds } from "@/app/_lib/format/format";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { Badge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { Card } from "@/app/_ui/card";
import { SegmentedControl } from "@/app/_ui/segmented-control";
import type { EpisodeStep, StepOfKind } from "@/contracts/records/episode";
import { splitThoughts } from "@/core/episode/thoughts";
import { TokenView } from "./token-view";
import { OVERLAYS, type Overlay } from "./tokens";

interface RawStepsProps {
  steps: readonly EpisodeStep[];
  model: string | null;
  /** Mean of the episode's action tokens. */
  advantage: number | null;
}

/** What the tokens of all steps are coloured by. */
type TokenLook = { model: string | null; advantage: number | null; overlay: Overlay };

/** Every step as it happened, without interpretation. The address holds what colours the tokens. */
export function RawSteps({ steps, model, advantage }: RawStepsProps) {
  const t = useText();
  const [params, setParams] = useQueryParams();
  const overlay = OVERLAYS.find((one) => one === params.get("colour")) ?? OVERLAYS[0];
  const hasTokens = steps.some((step) => step.kind === "generate" && step.ids?.length);
  const look = { model, advantage, overlay };
  return (
    <>
      {hasTokens ? (
        <div className="mb-3 flex flex-wrap items-center gap-2 text-xs text-muted-foreground">
          {t("Colour tokens by")}
          <SegmentedControl
            label={t("Colour tokens by")}
            value={overlay}
            options={OVERLAYS}
            text={(value) => t(value)}
            onChange={(next) => setParams({ colour: next === OVERLAYS[0] ? null : next })}
          />
        </div>
      ) : null}
      <StepList steps={steps} look={look} />
    </>
  );
}

const KINDS: Record<EpisodeStep["kind"], string> = {
  generate: markText("generate"),
  retrieve: markText("retrieve"),
  select: markText("select"),
  condense: markText("condense"),
  reject: markText("reject"),
  stop: markText("stop"),
};

function StepList({ steps, look }: { steps: readonly EpisodeStep[]; look: TokenLook }) {
  const t = useText();
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
                {t(KINDS[step.kind])}
              </Badge>
              <span className="text-muted-foreground">{t("turn {turn}", { turn: step.turn })}</span>
              <span className="ml-auto font-mono text-muted-foreground">
                {formatSeconds(step.seconds)}
              </span>
            </p>
            <StepBody step={step} look={look} />
          </Card>
        </li>
      ))}
    </ol>
  );
}

const pre = "mt-2 overflow-x-auto font-mono text-xs leading-5 break-words whitespace-pre-wrap";

function StepBody({ step, look }: { step: EpisodeStep; look: TokenLook }) {
  const t = useText();
  switch (step.kind) {
    case "generate":
      return <GenerateBody step={step} look={look} />;
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
        >{`${step.implicit ? `${t("implicit select-all")}: ` : ""}${step.selected.join(", ") || t("nothing")}`}</pre>
      );
    case "condense":
      return <WrittenText text={step.text} />;
    case "reject":
      return <pre className={pre}>{`${step.error}\n${step.text}`}</pre>;
    case "stop":
      return <pre className={pre}>{step.reason}</pre>;
  }
}

function GenerateBody({ step, look }: { step: StepOfKind<"generate">; look: TokenLook }) {
  const t = useText();
  const [showTokens, setShowTokens] = useState(true);
  const hasTokens = step.ids !== undefined && step.ids.length > 0;
  return (
    <>
      {step.prompt ? (
        <details className="mt-2">
          <summary className="cursor-pointer text-xs text-muted-foreground">
            {t("Prompt, {count} characters", { count: formatInteger(step.prompt.length) })}
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
          {showTokens ? t("Show as text") : t("Show as tokens")}
        </Button>
      ) : null}
      {hasTokens && showTokens ? (
        <TokenView step={step} {...look} />
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
