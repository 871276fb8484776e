"use client";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { describeValue } from "@/core/run/describe-value";
import { useTRPC, type RunDetail } from "@/app/_lib/live/trpc";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { Select } from "@/app/_ui/field";
import { QueryErrorState, Skeleton } from "@/app/_ui/states";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import { findPreset, PRESETS } from "@/core/presets/run-presets";
import { listSettingDifferences } from "@/core/run/setting-differences";

const PRESET = "preset:";
const RUN = "run:";

/** Only what differs between this run's settings and those of a preset, of the run it branched from, or of another run. */
export function ConfigurationDifference({ run }: { run: RunDetail }) {
  const t = useText();
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const against = params.get("against") ?? "";
  const [isOpened, setIsOpened] = useState(false);
  // The other runs are read once they can be chosen.
  const others = useQuery(
    trpc.runs.list.queryOptions({ kinds: [run.kind], limit: 50 }, { enabled: isOpened }),
  );
  const runs = others.data?.rows.filter(({ id }) => id !== run.id) ?? [];
  const chosen = against.startsWith(RUN) ? against.slice(RUN.length) : null;
  return (
    <div className="mb-4">
      <div className="flex flex-wrap items-center gap-2">
        <label htmlFor="compare-with">{t("Compare with")}</label>
        <Select
          id="compare-with"
          className="w-auto max-w-72"
          value={against}
          onFocus={() => setIsOpened(true)}
          onPointerDown={() => setIsOpened(true)}
          onChange={(event) => setParams({ against: event.target.value || null })}
        >
          <option value="">{t("nothing")}</option>
          {run.preset && findPreset(run.preset) ? (
            <option value={PRESET + run.preset}>
              {t("its preset, {preset}", { preset: run.preset })}
            </option>
          ) : null}
          {run.branchedFrom ? (
            <option value={RUN + run.branchedFrom.runId}>
              {t("the run it branched from, {name}", { name: run.branchedFrom.name })}
            </option>
          ) : null}
          <optgroup label={t("Presets")}>
            {PRESETS.filter(({ id, config }) => config.kind === run.kind && id !== run.preset).map(
              ({ id, title }) => (
                <option key={id} value={PRESET + id}>
                  {t(title)}
                </option>
              ),
            )}
          </optgroup>
          <optgroup label={t("Other runs")}>
            {runs
              .filter(({ id }) => id !== run.branchedFrom?.runId)
              .map(({ id, name }) => (
                <option key={id} value={RUN + id}>
                  {name}
                </option>
              ))}
            {chosen !== null &&
            chosen !== run.branchedFrom?.runId &&
            !runs.some(({ id }) => id === chosen) ? (
              <option value={against}>{chosen}</option>
            ) : null}
          </optgroup>
        </Select>
      </div>
      {against.startsWith(PRESET) ? (
        <PresetDifference run={run} preset={against.slice(PRESET.length)} />
      ) : chosen !== null ? (
        <RunDifference run={run} other={chosen} />
      ) : null}
    </div>
  );
}

function PresetDifference({ run, preset }: { run: RunDetail; preset: string }) {
  const t = useText();
  const found = findPreset(preset);
  if (!found)
    return <p className="mt-2 text-xs">{t("There is no preset {preset}.", { preset })}</p>;
  const config = runConfigSchema.parse(found.config);
  return <DifferenceTable own={run.config} other={config} name={t(found.title)} />;
}

function RunDifference({ run, other }: { run: RunDetail; other: string }) {
  const t = useText();
  const trpc = useTRPC();
  const query = useQuery(trpc.runs.get.queryOptions({ id: other }));
  if (query.data)
    return <DifferenceTable own={run.config} other={query.data.config} name={query.data.name} />;
  return query.isError ? (
    <QueryErrorState className="mt-2" title={t("The other run could not be read")} query={query} />
  ) : (
    <Skeleton className="mt-2 h-24" />
  );
}

/** What core writes for the choice of a group's kind. */
const KIND = ": kind";
const writeTitle = (t: Text, title: string): string =>
  title.endsWith(KIND) ? t("{group}: kind", { group: t(title.slice(0, -KIND.length)) }) : t(title);

interface DifferenceTableProps {
  own: RunConfig;
  other: RunConfig;
  name: string;
}

function DifferenceTable({ own, other, name }: DifferenceTableProps) {
  const t = useText();
  const differences = listSettingDifferences(own, other);
  if (differences.length === 0)
    return <p className="mt-2 text-xs text-muted-foreground">{t("No setting differs.")}</p>;
  const write = (value: unknown) => (value === undefined ? "–" : describeValue(t, value));
  return (
    <div className="relative mt-2 overflow-x-auto rounded-lg border bg-card">
      <table className="w-full min-w-[480px] text-left text-xs" data-configuration-difference>
        <thead className="border-b text-muted-foreground">
          <tr className="h-8 [&>th]:px-3 [&>th]:font-medium">
            <th scope="col">{t("Setting")}</th>
            <th scope="col">{t("This run")}</th>
            <th scope="col">{name}</th>
          </tr>
        </thead>
        <tbody>
          {differences.map(({ path, title, first, second }) => (
            <tr key={path} className="border-b align-top last:border-0 [&>*]:px-3 [&>*]:py-1.5">
              <th scope="row" className="font-normal">
                {writeTitle(t, title)}{" "}
                <span className="font-mono text-2xs text-muted-foreground">{path}</span>
              </th>
              <td className="font-mono break-words text-primary">{write(first)}</td>
              <td className="font-mono break-words">{write(second)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
