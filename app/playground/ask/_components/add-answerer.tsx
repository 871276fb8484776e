"use client";
import { keepPreviousData, skipToken, useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useId, useState } from "react";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import type { Answerer } from "@/app/_lib/ask-link";
import { formatWords } from "@/app/_lib/format/format";
import { SEARCH_DELAY_MS, useDelayed } from "@/app/_lib/hooks/use-delayed";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { LabelledField, Select } from "@/app/_ui/field";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/app/_ui/menu";
import { SearchInput } from "@/app/_ui/search-input";
import { formatMethod } from "./answerer-texts";
import { ANSWERING_METHODS, MAX_ANSWERERS } from "./ask-address";

type AddAnswererProps = { disabled: boolean; onAdd: (answerer: Answerer) => void };

/** Adds a column: a method with an untrained model, a run as it answers, or a checkpoint. */
export function AddAnswerer({ disabled, onAdd }: AddAnswererProps) {
  const t = useText();
  const [choosing, setChoosing] = useState(false);
  return (
    <>
      <Menu>
        <MenuTrigger asChild>
          <Button
            disabled={disabled}
            title={
              disabled ? t("At most {count} side by side", { count: MAX_ANSWERERS }) : undefined
            }
          >
            <Plus /> {t("Add who answers")}
          </Button>
        </MenuTrigger>
        <MenuContent align="start">
          <MenuItem onSelect={() => setChoosing(true)}>{t("A checkpoint or a run…")}</MenuItem>
          {ANSWERING_METHODS.map((method) => (
            <MenuItem key={method} onSelect={() => onAdd({ method })}>
              {formatMethod(t, method)}
            </MenuItem>
          ))}
        </MenuContent>
      </Menu>
      {choosing ? (
        <RunDialog
          onClose={() => setChoosing(false)}
          onChoose={(answerer) => {
            setChoosing(false);
            onAdd(answerer);
          }}
        />
      ) : null}
    </>
  );
}

/** Runs that can be chosen at once; a text finds the others. */
const MOST_RUNS = 100;

type RunDialogProps = { onClose: () => void; onChoose: (answerer: Answerer) => void };

function RunDialog({ onClose, onChoose }: RunDialogProps) {
  const t = useText();
  const id = useId();
  const trpc = useTRPC();
  const [text, setText] = useState("");
  const searched = useDelayed(text.trim(), SEARCH_DELAY_MS);
  const runs = useQuery(
    trpc.runs.list.queryOptions(
      { kinds: ["train", "predict"], limit: MOST_RUNS, ...(searched && { text: searched }) },
      { placeholderData: keepPreviousData },
    ),
  );
  const rows = runs.data?.rows ?? [];
  const [chosen, setRun] = useState<string | null>(null);
  const run = rows.find((row) => row.id === chosen) ?? rows[0] ?? null;
  const checkpoints = useQuery(
    trpc.runs.checkpoints.queryOptions(run?.kind === "train" ? { id: run.id } : skipToken),
  );
  // Newest first.
  const steps = checkpoints.data ?? [];
  const [step, setStep] = useState<string | null>(null);
  const checkpoint = steps.find((each) => each.id === step) ?? steps[0] ?? null;
  const found = describeFound(t, runs.data, searched);
  const isReady = run !== null && (run.kind === "predict" || checkpoint !== null);
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={t("Who answers")}>
      <SearchInput
        label={t("Search by name, tag, notes or id")}
        placeholder={t("Name, tag, notes or id")}
        className="mb-3"
        maxLength={200}
        value={text}
        onText={setText}
      />
      <LabelledField id={`${id}-run`} label={t("Run")} hint={found ?? undefined}>
        <Select
          id={`${id}-run`}
          options={rows.map((row) => ({
            value: row.id,
            text: `${row.name} (${formatWords(t, row.kind)})`,
          }))}
          value={run?.id ?? ""}
          onChange={(event) => setRun(event.target.value)}
        />
      </LabelledField>
      {run?.kind === "train" ? (
        <LabelledField
          id={`${id}-checkpoint`}
          label={t("Checkpoint")}
          hint={
            checkpoints.isSuccess && steps.length === 0
              ? t("This run has no checkpoint.")
              : undefined
          }
        >
          <Select
            id={`${id}-checkpoint`}
            options={steps.map((each) => ({
              value: each.id,
              text: t("step {step}", { step: each.step }),
            }))}
            value={checkpoint?.id ?? ""}
            onChange={(event) => setStep(event.target.value)}
          />
        </LabelledField>
      ) : null}
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={onClose}>{t("Cancel")}</Button>
        <Button
          variant="primary"
          disabled={!isReady}
          onClick={() =>
            run &&
            onChoose(
              run.kind === "train" && checkpoint
                ? { run: run.id, checkpoint: checkpoint.id }
                : { run: run.id },
            )
          }
        >
          {t("Add")}
        </Button>
      </div>
    </Dialog>
  );
}

/** What a choice of runs leaves out; null where it holds all, or is not read yet. */
function describeFound(
  t: Text,
  found: { rows: readonly unknown[]; nextCursor: string | null } | undefined,
  searched: string,
): string | null {
  if (!found) return null;
  if (found.rows.length === 0) return searched ? t("No run matches") : t("No run yet");
  if (found.nextCursor === null) return null;
  return t("The newest {count} are listed; a search finds the others.", {
    count: found.rows.length,
  });
}
