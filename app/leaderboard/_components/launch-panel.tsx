"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Rocket } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useState } from "react";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, type Leaderboard } from "@/app/_lib/live/trpc";
import { CheckpointSelect } from "@/app/_settings/checkpoint-select";
import { Button } from "@/app/_ui/button";
import { Card, CardHeader } from "@/app/_ui/card";
import { Input, Select } from "@/app/_ui/field";
import { ErrorState } from "@/app/_ui/states";
import { useNotify } from "@/app/_ui/toast";
import { METHOD_SUMMARIES } from "@/core/glossary/shown-texts";
import { METHODS } from "@/core/run/methods";
import type { MethodName } from "@/contracts/records/episode";
import { METHOD_NAMES } from "@/contracts/records/method-names";

/** Methods that are chosen at first. */
const FIRST: readonly MethodName[] = ["s3", "rag", "ircot"];
/** Value of the choice of no checkpoint. */
const UNTRAINED = "untrained";
const DEFAULT_QUESTIONS = "atlas/held-out";

/** What the settings of launched runs are taken from, and which methods are not run. */
function describeBasis(t: Text, { rows }: Leaderboard): string {
  const cells = rows.flatMap((row) => row.cells).filter((cell) => cell !== null);
  if (cells.length === 0)
    return t(
      "On the Atlas preset's corpus, generator and retriever, so that the results are comparable.",
    );
  return cells.some(({ example }) => example)
    ? t(
        "With the corpus, generator, retriever and scorer of the results above; what is there already is not run again, the example's results among it until the example is removed.",
      )
    : t(
        "With the corpus, generator, retriever and scorer of the results above; what is there already is not run again.",
      );
}

/** Chooses methods and launches those that are missing, with settings that make them comparable. */
export function LaunchPanel({ board }: { board: Leaderboard }) {
  const t = useText();
  const trpc = useTRPC();
  const sets = useQuery(trpc.catalogue.questionSets.queryOptions());
  const [methods, setMethods] = useState<readonly MethodName[]>(FIRST);
  const [questions, setQuestions] = useState<string | null>(null);
  const [limit, setLimit] = useState("");
  const [checkpoint, setCheckpoint] = useState<string | null>(null);
  const chosen =
    questions ??
    board.columns[0]?.questionSet ??
    (sets.data?.some((s) => s.name === DEFAULT_QUESTIONS)
      ? DEFAULT_QUESTIONS
      : sets.data?.[0]?.name) ??
    DEFAULT_QUESTIONS;
  const like = board.rows.flatMap((row) => row.cells).find((cell) => cell !== null)?.runId ?? null;
  const launch = useLaunchMethods();
  const limited = limit.trim() === "" ? null : Number(limit);
  const valid = limited === null || (Number.isInteger(limited) && limited >= 1);
  return (
    <Card className="mt-4 pb-4">
      <CardHeader title={t("Compare methods")} description={describeBasis(t, board)} />
      <div className="mt-3 flex flex-wrap items-end gap-3 px-4">
        <label className="min-w-0">
          <span className="mb-1 block text-2xs text-muted-foreground">{t("Question set")}</span>
          <Select
            className="w-auto max-w-full"
            value={chosen}
            onChange={(e) => setQuestions(e.target.value)}
            options={(sets.data ?? []).map((s) => ({
              value: s.name,
              text: `${s.name} (${s.questions})`,
            }))}
          />
        </label>
        <label>
          <span className="mb-1 block text-2xs text-muted-foreground">
            {t("First questions only")}
          </span>
          <Input
            inputMode="numeric"
            className="w-28"
            placeholder={t("all")}
            value={limit}
            aria-invalid={!valid}
            onChange={(e) => setLimit(e.target.value)}
          />
        </label>
        {methods.includes("s3") ? (
          <div className="min-w-0">
            <label
              htmlFor="launch-checkpoint"
              className="mb-1 block text-2xs text-muted-foreground"
            >
              {t("s3 searches with")}
            </label>
            <CheckpointSelect
              id="launch-checkpoint"
              className="w-auto max-w-full"
              value={checkpoint}
              onChange={setCheckpoint}
              none={like ? t("The searcher of the results above") : t("The untrained model")}
              other={like ? { value: UNTRAINED, text: t("The untrained model") } : undefined}
            />
          </div>
        ) : null}
      </div>
      <MethodChoice methods={methods} onChange={setMethods} />
      <ErrorState className="mx-4 mt-3" title={t("Nothing was launched")} error={launch.error} />
      <div className="mt-3 flex flex-wrap items-center gap-x-4 gap-y-2 px-4">
        <Button
          variant="primary"
          disabled={methods.length === 0 || !valid || launch.isPending}
          onClick={() =>
            launch.mutate({
              methods: [...methods],
              like,
              questions: chosen,
              limit: limited,
              checkpoint: methods.includes("s3") && checkpoint !== UNTRAINED ? checkpoint : null,
              untrained: checkpoint === UNTRAINED,
            })
          }
        >
          <Rocket />{" "}
          {t("Launch {methods, plural, one {# method} other {# methods}}", {
            methods: methods.length,
          })}
        </Button>
        <PresetLinks methods={methods} />
      </div>
    </Card>
  );
}

/** Launches what is missing, and says what was launched. */
function useLaunchMethods() {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  return useMutation(
    trpc.leaderboard.launch.mutationOptions({
      onSuccess: ({ launched, present, examples, rescored }) => {
        if (rescored.length > 0)
          notify(
            "good",
            t(
              "{rescored, plural, one {# run} other {# runs}} scored again: an earlier version of the scorer had scored the answers",
              { rescored: rescored.length },
            ),
          );
        if (launched.length > 0 || rescored.length === 0)
          notify(
            "good",
            launched.length === 0
              ? t(
                  "Nothing is missing: every method has its result or a run{examples, plural, =0 {} other {, # of the example}}",
                  { examples },
                )
              : t(
                  "{launched, plural, one {# run} other {# runs}} launched{present, plural, =0 {} other {, # there already}}{examples, plural, =0 {} other {, # of them of the example}}",
                  { launched: launched.length, present: present.length, examples },
                ),
          );
        void queryClient.invalidateQueries(trpc.leaderboard.pathFilter());
      },
    }),
  );
}

interface MethodChoiceProps {
  methods: readonly MethodName[];
  onChange: (methods: readonly MethodName[]) => void;
}

function MethodChoice({ methods, onChange }: MethodChoiceProps) {
  const t = useText();
  return (
    <fieldset className="mt-3 grid gap-1.5 px-4 sm:grid-cols-2 lg:grid-cols-4 xl:grid-cols-5">
      <legend className="sr-only">{t("Methods")}</legend>
      {METHOD_NAMES.map((m) => (
        <label
          key={m}
          className="flex cursor-pointer items-start gap-2 rounded-md border px-2.5 py-1.5 hover:bg-muted has-checked:border-primary has-checked:bg-primary-soft/40"
        >
          <input
            type="checkbox"
            className="mt-1 size-3.5 shrink-0 accent-primary"
            checked={methods.includes(m)}
            onChange={(e) =>
              onChange(e.target.checked ? [...methods, m] : methods.filter((x) => x !== m))
            }
          />
          <span className="min-w-0 font-medium">
            {t(METHODS[m].title)}
            <span className="block text-2xs font-normal text-muted-foreground">
              {t(METHOD_SUMMARIES[m])}
            </span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

/** Presets whose form sets up one of the methods. */
function PresetLinks({ methods }: { methods: readonly MethodName[] }) {
  const t = useText();
  const presets = useQuery(useTRPC().catalogue.presets.queryOptions());
  const answering =
    presets.data?.filter((p) => p.config.kind === "predict" && methods.includes(p.config.method)) ??
    [];
  if (answering.length === 0) return null;
  return (
    <span className="text-xs text-muted-foreground">
      {t("or set up one by hand:")}{" "}
      {answering.map((p, i) => (
        <span key={p.id}>
          {i > 0 ? ", " : ""}
          <Link href={`/runs/new?preset=${p.id}`} className="text-primary hover:underline">
            {t(p.title)}
          </Link>
        </span>
      ))}
    </span>
  );
}
