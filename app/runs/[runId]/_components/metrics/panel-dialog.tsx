"use client";
import { useMemo, useState } from "react";
import { findNames, type Panel } from "@/app/_charts/prepare/panels";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { Input, LabelledField } from "@/app/_ui/field";
import { SearchInput } from "@/app/_ui/search-input";

const MAX_METRICS = 20;
const MAX_TITLE = 120;

interface PanelDialogProps {
  /** Null: a new one. */
  panel: Panel | null;
  /** The metrics that the run has. */
  names: readonly string[];
  onSave: (panel: Panel) => void;
  onClose: () => void;
}

/** Puts a panel together: its title and its metrics. */
export function PanelDialog({ panel, names, onSave, onClose }: PanelDialogProps) {
  const t = useText();
  const [title, setTitle] = useState(panel?.title ?? "");
  const [metrics, setMetrics] = useState<readonly string[]>(panel?.metrics ?? []);
  const [pattern, setPattern] = useState("");
  const found = useMemo(() => findNames(names, pattern), [names, pattern]);
  // Metrics of another run stay in the panel, though this run has not reported them.
  const others = metrics.filter((name) => !names.includes(name));
  const toggle = (name: string): void =>
    setMetrics(metrics.includes(name) ? metrics.filter((m) => m !== name) : [...metrics, name]);
  return (
    <Dialog open onOpenChange={onClose} title={panel ? t("Change the panel") : t("New panel")}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (metrics.length > 0) onSave({ title: title.trim(), metrics: [...metrics] });
        }}
      >
        <LabelledField
          id="panel-title"
          label={t("Title")}
          hint={t("Empty: the names of its metrics.")}
        >
          <Input
            id="panel-title"
            maxLength={MAX_TITLE}
            value={title}
            onChange={(event) => setTitle(event.target.value)}
          />
        </LabelledField>
        <fieldset className="mt-3">
          <legend className="font-medium">
            {t("Metrics, {count} of at most {limit}", {
              count: metrics.length,
              limit: MAX_METRICS,
            })}
          </legend>
          <SearchInput
            label={t("Metrics, by regular expression")}
            placeholder={t("By regular expression")}
            className="mt-1 w-full"
            value={pattern}
            aria-invalid={found === null}
            onText={setPattern}
          />
          <div className="mt-2 max-h-64 overflow-y-auto rounded-md border p-2">
            {[...others, ...(found ?? [])].map((name) => (
              <label key={name} className="flex min-h-7 items-center gap-2 font-mono text-xs">
                <input
                  type="checkbox"
                  className="accent-(--primary)"
                  checked={metrics.includes(name)}
                  disabled={!metrics.includes(name) && metrics.length >= MAX_METRICS}
                  onChange={() => toggle(name)}
                />
                {name}
              </label>
            ))}
          </div>
        </fieldset>
        <div className="mt-4 flex justify-end gap-2">
          <Button onClick={onClose}>{t("Cancel")}</Button>
          <Button type="submit" variant="primary" disabled={metrics.length === 0}>
            {panel ? t("Change it") : t("Add it")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
