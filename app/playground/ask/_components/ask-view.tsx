"use client";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { buildAskHref, writeAskParams, type AskState } from "@/app/_lib/ask-link";
import { cn } from "@/app/_ui/cn";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { CopyButton } from "@/app/_ui/copy-button";
import { CorpusSelect } from "../../_components/corpus-select";
import { AddAnswerer } from "./add-answerer";
import { AnswererColumn, type AskedQuestion } from "./answerer-column";
import { MAX_ANSWERERS, readAskParams } from "./ask-address";
import { QuestionForm } from "./question-form";

const COLUMNS = [
  "",
  "",
  "md:grid-cols-2",
  "md:grid-cols-2 xl:grid-cols-3",
  "md:grid-cols-2 xl:grid-cols-4",
];

/** A typed question, answered live by up to four side by side. The address holds question, corpus and who answers. */
export function AskView() {
  const t = useText();
  const [params, setParams] = useQueryParams();
  const state = readAskParams(params);
  // Kept beside the address, which follows later: a link shows what was asked, and a press of the button asks it.
  const [asked, setAsked] = useState<AskedQuestion | null>(null);
  const change = (next: Partial<AskState>) => setParams(writeAskParams({ ...state, ...next }));
  const { answerers } = state;
  const names = answerers.map((answerer) => JSON.stringify(answerer));
  return (
    <>
      <h1 className="text-lg font-semibold">{t("Ask")}</h1>
      <p className="text-xs text-muted-foreground">
        {t(
          "A question, answered live by methods and checkpoints side by side. Nothing is stored among the episodes.",
        )}
      </p>
      <QuestionForm
        key={`${state.question}\n${state.expected}`}
        question={state.question}
        expected={state.expected}
        onAsk={(question, expected) => {
          change({ question, expected });
          setAsked({ question, expected });
        }}
      />
      <div className="mt-2 flex flex-wrap items-center gap-2">
        <CorpusSelect corpus={state.corpus} onChange={(corpus) => change({ corpus })} />
        <AddAnswerer
          disabled={answerers.length >= MAX_ANSWERERS}
          onAdd={(answerer) => change({ answerers: [...answerers, answerer] })}
        />
        <CopyButton
          className="ml-auto"
          size="sm"
          variant="ghost"
          text={() => `${window.location.origin}${buildAskHref(state)}`}
          label={t("Copy link")}
        />
      </div>
      <div className={cn("mt-4 grid items-start gap-4", COLUMNS[answerers.length])}>
        {answerers.map((answerer, place) => (
          <AnswererColumn
            // Not its place, which changes when a column before it is removed: it would be asked again.
            key={`${names[place]} ${countBefore(names, place)}`}
            answerer={answerer}
            corpus={state.corpus}
            asked={asked}
            onRemove={
              answerers.length > 1
                ? () => change({ answerers: answerers.filter((_, i) => i !== place) })
                : null
            }
          />
        ))}
      </div>
    </>
  );
}

/** How many of the same stand before it: one may answer twice. */
const countBefore = (names: readonly string[], place: number): number =>
  names.slice(0, place).filter((name) => name === names[place]).length;
