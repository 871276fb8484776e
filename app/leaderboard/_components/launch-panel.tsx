"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Rocket } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { formatCount } from "@/app/_lib/format";
import { useTRPC, type Leaderboard } from "@/app/_lib/trpc";
import { Button } from "@/app/_ui/button";
import { Card, CardHeader } from "@/app/_ui/card";
import { Input, Select } from "@/app/_ui/field";
import { ErrorState } from "@/app/_ui/states";
import { useNotify } from "@/app/_ui/toast";
import { METHOD_SUMMARIES } from "@/core/glossary/glossary";
import { METHODS } from "@/core/run/methods";
import { methodNameSchema, type MethodName } from "@/contracts/records/episode";

/** Methods that are chosen at first. */
const FIRST: readonly MethodName[] = ["s3", "rag", "ircot"];
const DEFAULT_QUESTIONS = "atlas/held-out";

/** Chooses methods and launches those that are missing, with settings that make them comparable. */
export function LaunchPanel({ board }: { board: Leaderboard }) {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const sets = useQuery(trpc.catalogue.questionSets.queryOptions());
  const presets = useQuery(trpc.catalogue.presets.queryOptions());
  const [methods, setMethods] = useState<readonly MethodName[]>(FIRST);
  const [questions, setQuestions] = useState<string | null>(null);
  const [limit, setLimit] = useState("");
  const chosen =
    questions ??
    board.columns[0]?.questionSet ??
    (sets.data?.some((s) => s.name === DEFAULT_QUESTIONS)
      ? DEFAULT_QUESTIONS
      : sets.data?.[0]?.name) ??
    DEFAULT_QUESTIONS;
  const like = board.rows.flatMap((row) => row.cells).find((cell) => cell !== null)?.runId ?? null;
  const launch = useMutation(
    trpc.leaderboard.launch.mutationOptions({
      onSuccess: ({ launched, present }) => {
        notify(
          "good",
          launched.length === 0
            ? "Nothing is missing: every method has its result or a run"
            : `${formatCount(launched.length, "run")} launched${present.length > 0 ? `, ${present.length} there already` : ""}`,
        );
        void queryClient.invalidateQueries(trpc.leaderboard.pathFilter());
      },
    }),
  );
  const limited = limit.trim() === "" ? null : Number(limit);
  const valid = limited === null || (Number.isInteger(limited) && limited >= 1);
  const answering =
    presets.data?.filter((p) => p.config.kind === "predict" && methods.includes(p.config.method)) ??
    [];
  return (
    <Card className="mt-4 pb-4">
      <CardHeader
        title="Compare methods"
        description={
          like
            ? "With the corpus, generator, retriever and scorer of the results above; what is there already is not run again."
            : "On the Atlas preset's corpus, generator and retriever, so that the results are comparable."
        }
      />
      <div className="mt-3 flex flex-wrap items-end gap-3 px-4">
        <label className="min-w-0">
          <span className="mb-1 block text-2xs text-muted-foreground">Question set</span>
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
          <span className="mb-1 block text-2xs text-muted-foreground">First questions only</span>
          <Input
            inputMode="numeric"
            className="w-28"
            placeholder="all"
            value={limit}
            aria-invalid={!valid}
            onChange={(e) => setLimit(e.target.value)}
          />
        </label>
      </div>
      <fieldset className="mt-3 grid gap-1.5 px-4 sm:grid-cols-2 lg:grid-cols-4 xl:grid-cols-5">
        <legend className="sr-only">Methods</legend>
        {methodNameSchema.options.map((m) => (
          <label
            key={m}
            className="flex cursor-pointer items-start gap-2 rounded-md border px-2.5 py-1.5 hover:bg-muted has-checked:border-primary has-checked:bg-primary-soft/40"
          >
            <input
              type="checkbox"
              className="mt-1 size-3.5 shrink-0 accent-primary"
              checked={methods.includes(m)}
              onChange={(e) =>
                setMethods(e.target.checked ? [...methods, m] : methods.filter((x) => x !== m))
              }
            />
            <span className="min-w-0 font-medium">
              {METHODS[m].title}
              <span className="block text-2xs font-normal text-muted-foreground">
                {METHOD_SUMMARIES[m]}
              </span>
            </span>
          </label>
        ))}
      </fieldset>
      <ErrorState className="mx-4 mt-3" title="Nothing was launched" error={launch.error} />
      <div className="mt-3 flex flex-wrap items-center gap-x-4 gap-y-2 px-4">
        <Button
          variant="primary"
          disabled={methods.length === 0 || !valid || launch.isPending}
          onClick={() =>
            launch.mutate({ methods: [...methods], like, questions: chosen, limit: limited })
          }
        >
          <Rocket /> Launch {formatCount(methods.length, "method")}
        </Button>
        {answering.length > 0 ? (
          <span className="text-xs text-muted-foreground">
            or set up one by hand:{" "}
            {answering.map((p, i) => (
              <span key={p.id}>
                {i > 0 ? ", " : ""}
                <Link href={`/runs/new?preset=${p.id}`} className="text-primary hover:underline">
                  {p.title}
                </Link>
              </span>
            ))}
          </span>
        ) : null}
      </div>
    </Card>
  );
}
