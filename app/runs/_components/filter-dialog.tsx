"use client";
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { Input, LabelledField, Select } from "@/app/_ui/field";
import { settingConditionSchema } from "@/contracts/api/run-list";
import { CONDITION_SIGNS } from "@/contracts/api/run-list-values";
import { listAllSettingPaths } from "./columns-dialog";
import { formatCondition, type FilterProps } from "./runs-filter";

/** Adds conditions: a tag, a preset, a setting's value. */
export function FilterDialog({
  filter,
  setParams,
  onClose,
}: FilterProps & { onClose: () => void }) {
  const t = useText();
  const trpc = useTRPC();
  const { data } = useQuery(trpc.runs.facets.queryOptions());
  const [tag, setTag] = useState("");
  const [preset, setPreset] = useState(filter.preset ?? "");
  const [path, setPath] = useState("");
  const [sign, setSign] = useState("=");
  const [value, setValue] = useState("");
  const condition = settingConditionSchema.safeParse({ path, sign, value });
  const apply = (event: FormEvent) => {
    event.preventDefault();
    const settings = condition.success ? [...filter.settings, condition.data] : filter.settings;
    const tags = tag && !filter.tags.includes(tag) ? [...filter.tags, tag] : filter.tags;
    setParams({
      tags: tags.join(","),
      preset: preset || null,
      where: settings.map(formatCondition).join(";"),
    });
    onClose();
  };
  return (
    <Dialog open onOpenChange={onClose} title={t("Filter the runs")}>
      <form onSubmit={apply}>
        <LabelledField id="filter-tag" label={t("Tag")}>
          <Select
            id="filter-tag"
            value={tag}
            onChange={(event) => setTag(event.target.value)}
            options={[{ value: "", text: t("Any") }, ...(data?.tags ?? [])]}
          />
        </LabelledField>
        <LabelledField id="filter-preset" label={t("Preset")}>
          <Select
            id="filter-preset"
            value={preset}
            onChange={(event) => setPreset(event.target.value)}
            options={[{ value: "", text: t("Any") }, ...(data?.presets ?? [])]}
          />
        </LabelledField>
        <LabelledField
          id="filter-path"
          label={t("Setting")}
          hint={t(
            "Its path, e.g. rl.steps, or param:NAME of another trainer. Values: a number, a text, on, off or none.",
          )}
        >
          <div className="flex gap-2">
            <Input
              id="filter-path"
              list="setting-paths"
              className="font-mono"
              value={path}
              onChange={(event) => setPath(event.target.value)}
            />
            <Select
              aria-label={t("Comparison")}
              className="w-18"
              value={sign}
              onChange={(event) => setSign(event.target.value)}
              options={CONDITION_SIGNS}
            />
            <Input
              aria-label={t("Value")}
              className="w-32"
              maxLength={200}
              value={value}
              onChange={(event) => setValue(event.target.value)}
            />
          </div>
        </LabelledField>
        <datalist id="setting-paths">
          {listAllSettingPaths().map((one) => (
            <option key={one} value={one} />
          ))}
          {data?.parameters.map((name) => (
            <option key={`param:${name}`} value={`param:${name}`} />
          ))}
        </datalist>
        <div className="mt-4 flex justify-end">
          <Button
            type="submit"
            variant="primary"
            disabled={path !== "" && (!condition.success || value.trim() === "")}
          >
            {t("Apply")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
