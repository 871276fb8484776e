"use client";
import { useQuery } from "@tanstack/react-query";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { useQueryParams, useQuickParam } from "@/app/_lib/hooks/use-params";
import { Input, LabelledField, Select } from "@/app/_ui/field";
import type { ComparedRun } from "@/contracts/api/run-comparison";
import { CommonQuestions } from "./common-questions";

/** The newest episodes of two runs for the same question, turn beside turn. The address holds which. */
export function EpisodesDifference({ runs }: { runs: readonly ComparedRun[] }) {
  const t = useText();
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const find = (name: "a" | "b", otherwise: number) =>
    runs.find((run) => run.id === params.get(name)) ?? runs[otherwise] ?? runs[0]!;
  const [a, b] = [find("a", 0), find("b", 1)];
  const steps = useQuery(trpc.episodes.steps.queryOptions({ runId: a.id }));
  const last = steps.data?.findLast(({ step }) => step !== null)?.step ?? null;
  const [written, setWritten] = useQuickParam("until");
  const until = /^\d{1,9}$/.test(written) ? Number(written) : undefined;
  const options = runs.map(({ id, name }) => ({ value: id, text: name }));
  return (
    <>
      <div className="grid gap-3 md:grid-cols-3 md:[&>*]:mt-0">
        <LabelledField id="episodes-a" label={t("First run")}>
          <Select
            id="episodes-a"
            value={a.id}
            options={options}
            onChange={(event) => setParams({ a: event.target.value, question: null, set: null })}
          />
        </LabelledField>
        <LabelledField id="episodes-b" label={t("Second run")}>
          <Select
            id="episodes-b"
            value={b.id}
            options={options}
            onChange={(event) => setParams({ b: event.target.value })}
          />
        </LabelledField>
        <LabelledField id="episodes-until" label={t("Newest episodes up to step")}>
          <Input
            id="episodes-until"
            type="number"
            min={0}
            placeholder={last === null ? "" : String(last)}
            value={written}
            onChange={(event) => setWritten(event.target.value)}
          />
        </LabelledField>
      </div>
      <CommonQuestions key={`${a.id} ${b.id}`} a={a} b={b} step={until} />
    </>
  );
}
