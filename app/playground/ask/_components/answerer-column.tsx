"use client";
import { skipToken, useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useDeferredValue, useEffect, useMemo, useRef } from "react";
import { PlayedEpisode } from "@/app/_episode/played-episode";
import { usePlay } from "@/app/_episode/use-play";
import { useText } from "@/app/_i18n/text-provider";
import type { Answerer, AskState } from "@/app/_lib/ask-link";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { defer } from "@/app/_ui/deferred";
import { ErrorState } from "@/app/_ui/states";
import { formatMethod, formatRunAnswerer } from "./answerer-texts";

/** What makes configurations, by their schemas: fetched once the form answers. */
const answererConfig = defer(() => import("./answerer-config"));

/** What was asked by one press of the button. */
export type AskedQuestion = Pick<AskState, "question" | "expected">;

interface AnswererColumnProps {
  answerer: Answerer;
  corpus: string;
  /** Another object with each press of the button; null: nothing was asked yet. */
  asked: AskedQuestion | null;
  onRemove: (() => void) | null;
}

const NO_GOLD: readonly string[] = [];

/** One method's answer to the question. Its failure leaves the other columns alone. */
export function AnswererColumn({ answerer, corpus, asked, onRemove }: AnswererColumnProps) {
  const t = useText();
  const { title, config, error } = useAnswerer(answerer, corpus);
  const play = usePlay();
  const expected = asked?.expected ?? "";
  // The same list at every progress: documents are marked by it.
  const answers = useMemo(() => (expected === "" ? NO_GOLD : [expected]), [expected]);
  const ask = () =>
    asked && play.start({ kind: "ask", config, question: asked.question, answers: [...answers] });
  // Asked once for each press, also where the configuration comes after it.
  const answered = useRef<AskedQuestion | null>(null);
  useEffect(() => {
    if (asked === answered.current || config === null) return;
    answered.current = asked;
    if (play.running) play.cancel();
    ask();
  });
  return (
    <section className="min-w-0 space-y-3" aria-label={title} data-answerer={title}>
      <header className="flex min-h-8 items-center gap-2 border-b pb-1">
        <h2 className="min-w-0 flex-1 truncate font-semibold">{title}</h2>
        {onRemove ? (
          <Button
            variant="ghost"
            size="icon-sm"
            aria-label={t("Remove {title}", { title })}
            onClick={onRemove}
          >
            <X />
          </Button>
        ) : null}
      </header>
      <ErrorState title={t("Its configuration could not be read")} error={error} />
      <PlayedEpisode play={play} goldIds={NO_GOLD} answers={answers} onRetry={ask} />
    </section>
  );
}

/** The configuration of an answerer and how it is called; null until it is read and its rules are loaded. */
function useAnswerer(answerer: Answerer, corpus: string) {
  const t = useText();
  const trpc = useTRPC();
  const ofRun = "run" in answerer;
  const rules = answererConfig.useModule(useDeferredValue(true, false));
  const run = useQuery(trpc.runs.get.queryOptions(ofRun ? { id: answerer.run } : skipToken));
  const checkpoints = useQuery(
    trpc.runs.checkpoints.queryOptions(ofRun ? { id: answerer.run } : skipToken),
  );
  const presets = useQuery(trpc.catalogue.presets.queryOptions(undefined, { enabled: !ofRun }));
  if (!ofRun) {
    const preset = presets.data?.find(({ id }) => id === `atlas-${answerer.method}`);
    return {
      title: formatMethod(t, answerer.method),
      config: (preset && rules?.buildAnswererConfig(preset.config, corpus, null)) ?? null,
      error: presets.error,
    };
  }
  const { checkpoint = null } = answerer;
  const step = checkpoints.data?.find(({ id }) => id === checkpoint)?.step;
  const name = run.data?.name ?? t("run");
  return {
    title: formatRunAnswerer(t, { run: name, checkpoint, step }),
    config: (run.data && rules?.buildAnswererConfig(run.data.config, corpus, checkpoint)) ?? null,
    error: run.error,
  };
}
