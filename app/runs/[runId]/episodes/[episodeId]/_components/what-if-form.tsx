"use client";
import { useQuery } from "@tanstack/react-query";
import { useId } from "react";
import type { Ledger } from "@/app/_episode/ledger";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { listModels } from "@/app/_lib/config/list-models";
import { formatRetriever } from "@/app/_lib/config/retriever";
import { RETRIEVER_PRESETS } from "@/app/_lib/config/retriever-presets";
import { useTRPC } from "@/app/_lib/live/trpc";
import { LabelledField, Select, Textarea } from "@/app/_ui/field";
import {
  CHANGES,
  selectTurn,
  type ChangeDraft,
  type ChangeKind,
  type Checkpoint,
} from "./episode-change";

interface WhatIfFormProps {
  draft: ChangeDraft;
  ledger: Ledger;
  /** The method is s3, which can go on from any turn. */
  isSearch: boolean;
  /** Retriever and generator of the run. */
  config: Pick<ChangeDraft, "retriever" | "generator">;
  checkpoints: readonly Checkpoint[];
  onChange: (draft: ChangeDraft) => void;
}

const CHANGE_TEXT: Record<ChangeKind, string> = {
  query: markText("with another query"),
  selection: markText("with another selection"),
  again: markText("as it was, with other models or retriever"),
  answer: markText("all turns as they were, only the answer anew"),
};

/** What is changed, and from which turn on. */
export function WhatIfForm(props: WhatIfFormProps) {
  const t = useText();
  const { draft, ledger, isSearch, config, checkpoints, onChange } = props;
  const id = useId();
  const change = (next: Partial<ChangeDraft>) => onChange({ ...draft, ...next });
  const turns = ledger.turns.map(({ index }) => ({
    value: index,
    text: t("turn {turn}", { turn: index }),
  }));
  const next = { value: ledger.turns.length, text: t("one turn more") };
  return (
    <>
      {isSearch ? (
        <>
          <LabelledField id={`${id}-turn`} label={t("Go on from")}>
            <Select
              id={`${id}-turn`}
              disabled={draft.kind === "answer"}
              options={draft.kind === "query" ? [...turns, next] : turns}
              value={draft.turn}
              onChange={(event) => change(selectTurn(ledger, Number(event.target.value)))}
            />
          </LabelledField>
          <LabelledField id={`${id}-kind`} label={t("How")}>
            <Select
              id={`${id}-kind`}
              options={CHANGES.map((kind) => ({ value: kind, text: t(CHANGE_TEXT[kind]) }))}
              value={draft.kind}
              onChange={(event) => {
                const kind = event.target.value as ChangeKind;
                const last = ledger.turns.length - 1;
                const place =
                  kind === "query" || draft.turn <= last ? {} : selectTurn(ledger, last);
                change({ ...place, kind });
              }}
            />
          </LabelledField>
        </>
      ) : (
        <p className="text-xs text-muted-foreground">
          {t(
            "This method is played from its beginning. Only the search of s3 can go on from a turn.",
          )}
        </p>
      )}
      {draft.kind === "query" ? (
        <LabelledField id={`${id}-query`} label={t("Query of turn {turn}", { turn: draft.turn })}>
          <Textarea
            id={`${id}-query`}
            rows={3}
            value={draft.query}
            onChange={(event) => change({ query: event.target.value })}
          />
        </LabelledField>
      ) : null}
      {draft.kind === "selection" ? (
        <SelectionField draft={draft} ledger={ledger} onChange={change} />
      ) : null}
      <ModelFields
        id={id}
        draft={draft}
        config={config}
        checkpoints={checkpoints}
        onChange={change}
      />
    </>
  );
}

interface SelectionFieldProps {
  draft: ChangeDraft;
  ledger: Ledger;
  onChange: (change: Partial<ChangeDraft>) => void;
}

function SelectionField({ draft, ledger, onChange }: SelectionFieldProps) {
  const t = useText();
  const chosen = new Set(draft.selected);
  return (
    <fieldset>
      <legend className="font-medium">{t("Selected in turn {turn}", { turn: draft.turn })}</legend>
      {ledger.turns[draft.turn]?.documents.map(({ id, text, rank }) => (
        <label key={`${rank} ${id}`} className="flex min-h-6 items-baseline gap-2 py-1 text-xs">
          <input
            type="checkbox"
            className="translate-y-0.5 accent-primary"
            checked={chosen.has(id)}
            onChange={(event) =>
              onChange({
                selected: event.target.checked
                  ? [...draft.selected, id]
                  : draft.selected.filter((each) => each !== id),
              })
            }
          />
          <span className="min-w-0 break-words">{text?.title ?? id}</span>
        </label>
      ))}
    </fieldset>
  );
}

interface ModelFieldsProps extends Pick<WhatIfFormProps, "draft" | "config"> {
  id: string;
  checkpoints: readonly Checkpoint[];
  onChange: (change: Partial<ChangeDraft>) => void;
}

/** Retriever, searcher and generator. */
function ModelFields({ id, draft, config, checkpoints, onChange }: ModelFieldsProps) {
  const t = useText();
  const trpc = useTRPC();
  const workers = useQuery(trpc.workers.list.queryOptions());
  const models = listModels(workers.data ?? [], "text");
  const retrievers = [config.retriever, ...RETRIEVER_PRESETS.map(({ config }) => config)];
  const names = retrievers.map((one) => formatRetriever(t, one));
  const searchers = [
    { value: "", text: t("untrained") },
    ...(draft.checkpoint !== null &&
    !checkpoints.some(({ id: known }) => known === draft.checkpoint)
      ? [{ value: draft.checkpoint, text: t("the run's checkpoint") }]
      : []),
    ...checkpoints.map((each) => ({
      value: each.id,
      text: t("checkpoint of step {step}", { step: each.step }),
    })),
  ];
  return (
    <>
      <LabelledField id={`${id}-retriever`} label={t("Retriever")}>
        <Select
          id={`${id}-retriever`}
          options={[...new Set(names)]}
          value={formatRetriever(t, draft.retriever)}
          onChange={(event) =>
            onChange({ retriever: retrievers[names.indexOf(event.target.value)] })
          }
        />
      </LabelledField>
      <LabelledField id={`${id}-checkpoint`} label={t("Searcher")}>
        <Select
          id={`${id}-checkpoint`}
          options={searchers}
          value={draft.checkpoint ?? ""}
          onChange={(event) => onChange({ checkpoint: event.target.value || null })}
        />
      </LabelledField>
      <LabelledField id={`${id}-generator`} label={t("Generator")}>
        <Select
          id={`${id}-generator`}
          disabled={draft.generator.endpoint !== null}
          options={[...new Set([config.generator.model, ...models])]}
          value={draft.generator.model}
          onChange={(event) =>
            onChange({ generator: { ...draft.generator, model: event.target.value } })
          }
        />
      </LabelledField>
      <LabelledField id={`${id}-style`} label={t("Generator's prompt")}>
        <Select
          id={`${id}-style`}
          options={["few-shot", "chat"]}
          value={draft.generator.promptStyle}
          onChange={(event) =>
            onChange({
              generator: {
                ...draft.generator,
                promptStyle: event.target.value as ChangeDraft["generator"]["promptStyle"],
              },
            })
          }
        />
      </LabelledField>
    </>
  );
}
