"use client";
import { useQuery } from "@tanstack/react-query";
import { useFormContext, useWatch } from "react-hook-form";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Select } from "@/app/_ui/field";
import type { Draft } from "./draft";

/** Models that running serve runs offer: choosing one sets endpoint, model and key together. */
export function ServedModels({ path }: { path: string }) {
  const t = useText();
  const trpc = useTRPC();
  const { control, setValue } = useFormContext<Draft>();
  const chosen: unknown = useWatch({ control, name: path });
  const served = useQuery(
    trpc.runs.servedModels.queryOptions(undefined, { refetchInterval: 5_000 }),
  );
  if (!served.data?.length) return null;
  const group = path.slice(0, -"endpoint".length);
  return (
    <Select
      className="mt-1"
      aria-label={t("Running model service for {path}", { path })}
      value={served.data.find(({ address }) => address === chosen)?.id ?? ""}
      onChange={(e) => {
        const one = served.data.find(({ id }) => id === e.target.value);
        const set = (at: string, value: string | null): void =>
          setValue(at, value as Draft[string], { shouldValidate: true, shouldDirty: true });
        set(path, one?.address ?? null);
        if (!one) return;
        set(`${group}model`, one.model);
        set(`${group}connection.key`, one.key);
      }}
    >
      <option value="">{t("A running model service")}</option>
      {served.data.map(({ id, name, model, worker }) => (
        <option key={id} value={id}>
          {t("{model}: {name}, on {worker}", { model, name, worker })}
        </option>
      ))}
    </Select>
  );
}
