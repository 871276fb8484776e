"use client";
import { keepPreviousData, skipToken, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatInteger, NONE } from "@/app/_lib/format/format";
import { useTRPC, type Leaderboard } from "@/app/_lib/live/trpc";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { Card, CardHeader } from "@/app/_ui/card";
import { Input, Select } from "@/app/_ui/field";
import { ErrorState, Skeleton } from "@/app/_ui/states";
import type { Plan } from "@/contracts/api/leaderboard";
import {
  countNeededSeeds,
  planQuestions,
  predictSmallestDifference,
} from "@/core/statistics/power";
import { ColumnSelect, useColumn } from "@/app/leaderboard/_components/table/column-select";

const SEEDS = [1, 2, 3, 5, 10];
/** Below, a variance says little. */
const MIN_CLUSTERS = 10;
const DEFAULT_POINTS = 3;

/** How many questions and seeds a difference of some points needs, from what these results vary by. */
export function PlannerCard({ board }: { board: Leaderboard }) {
  const t = useText();
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const [column, setColumn] = useColumn(board, "plan-of");
  const reference = board.rows.find((row) => row.id === board.reference);
  const others = board.rows.filter((row) => row !== reference && row.cells[column]?.comparison);
  const row = others.find(({ key }) => key === params.get("plan")) ?? others[0];
  const [points, setPoints] = useState(params.get("points") ?? String(DEFAULT_POINTS));
  const plan = useQuery(
    trpc.leaderboard.plan.queryOptions(
      row && reference && board.scope !== null
        ? {
            scope: board.scope,
            column: board.columns[column]!.id,
            row: row.key,
            reference: reference.key,
          }
        : skipToken,
      { placeholderData: keepPreviousData },
    ),
  );
  if (!reference || !row) return null;
  const difference = Number(points) / 100;
  return (
    <Card data-planner className="pb-3">
      <CardHeader
        title={t("Planner")}
        description={t(
          "What a comparison with {label} needs to see a difference, at 5% with a power of 80%, from the paired variance of these results.",
          { label: reference.label },
        )}
      />
      <div className="mt-2 flex flex-wrap items-center gap-2 px-4 text-xs">
        <label className="flex items-center gap-2">
          {t("To see")}
          <Input
            className="w-20"
            type="number"
            min="0.1"
            max="100"
            step="0.1"
            aria-label={t("Points to see")}
            value={points}
            onChange={(e) => {
              setPoints(e.target.value);
              setParams({ points: e.target.value });
            }}
          />
          {t("points of")}
        </label>
        <Select
          aria-label={t("Method to plan for")}
          className="w-auto max-w-full"
          value={row.key}
          onChange={(e) => setParams({ plan: e.target.value })}
          options={others.map(({ key, label, detail }) => ({
            value: key,
            text: detail ? `${label} · ${detail}` : label,
          }))}
        />
        {board.columns.length > 1 ? (
          <ColumnSelect board={board} column={column} setColumn={setColumn} />
        ) : null}
      </div>
      {plan.data ? (
        <Needed plan={plan.data} difference={difference} names={[row.label, reference.label]} />
      ) : plan.isError ? (
        <ErrorState title={t("The variance could not be read")} error={plan.error} />
      ) : (
        <Skeleton className="mx-4 mt-3 h-24" />
      )}
    </Card>
  );
}

interface NeededProps {
  plan: Plan;
  difference: number;
  names: readonly [string, string];
}

function Needed({
  plan: { variance, seeds, questions, clusters },
  difference,
  names,
}: NeededProps) {
  const t = useText();
  if (variance === null || clusters < MIN_CLUSTERS)
    return (
      <p className="mt-3 px-4 text-xs text-muted-foreground" data-plan="unknown">
        {variance === null
          ? t(
              "No question or group of questions differs from another here, so that there is no variance to plan with.",
            )
          : t(
              "Too little to know: {clusters} groups of questions; a variance needs at least {least}.",
              { clusters, least: MIN_CLUSTERS },
            )}
      </p>
    );
  if (!(difference > 0 && difference <= 1))
    return (
      <p className="mt-3 px-4 text-xs text-bad">{t("Points are a number above 0, up to 100.")}</p>
    );
  const unknown = names.filter((_, i) => seeds[i] === 1);
  // Where no seed's variance is known, more seeds promise nothing that could be computed.
  const shown = unknown.length === names.length ? [1] : SEEDS;
  return (
    <>
      <ul className="mt-3 flex flex-wrap gap-2 px-4" aria-label={t("Questions by seeds")}>
        {shown.map((count) => {
          const needed = planQuestions(variance, difference, count);
          return (
            <li key={count} className="rounded-md border px-3 py-2" data-plan={`${needed}`}>
              <span className="block font-mono font-medium">
                {t("{needed} questions", {
                  needed: needed === null ? NONE : formatInteger(needed),
                })}
              </span>
              <span className="block text-2xs text-muted-foreground">
                {needed === null
                  ? t(
                      "× {seeds, plural, one {# seed} other {# seeds}} of each: not enough, from {enough} on",
                      { seeds: count, enough: countNeededSeeds(variance, difference) },
                    )
                  : t("× {seeds, plural, one {# seed} other {# seeds}} of each", { seeds: count })}
              </span>
            </li>
          );
        })}
      </ul>
      <p className="mt-2 px-4 text-xs text-muted-foreground">
        {[
          t(
            Math.max(...seeds) > 1
              ? "The {questions} questions here see {points} points under one seed of each; the variance is of {first} and {second} seeds."
              : "The {questions} questions here see {points} points under one seed of each; the variance is of {first} and {second} seed.",
            {
              questions: formatInteger(questions),
              points: (predictSmallestDifference(variance, questions, 1) * 100).toFixed(1),
              first: seeds[0],
              second: seeds[1],
            },
          ),
          ...describeUnknown(t, unknown),
        ].join(" ")}
      </p>
    </>
  );
}

/** What of methods that ran under one seed is not known. */
function describeUnknown(t: Text, [first, second]: readonly string[]): string[] {
  if (first === undefined) return [];
  const names = second === undefined ? first : t("{first} and {second}", { first, second });
  return [
    t(
      "{names} ran under one seed: how results vary between its seeds is not known and not in these figures, which are of this seed alone.",
      { names },
    ),
  ];
}
