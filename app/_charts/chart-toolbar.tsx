"use client";
import { Check, ListFilter } from "lucide-react";
import { useId, useState } from "react";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import { Input, Select } from "@/app/_ui/field";
import { Menu, MenuCheckboxItem, MenuContent, MenuTrigger } from "@/app/_ui/menu";
import { Tooltip } from "@/app/_ui/tooltip";
import { useZoom, useChartScope } from "./drawing/chart-scope";
import { ResetZoom } from "./drawing/reset-zoom";
import { MARKER_KINDS, MAX_SMOOTHING, parseZoom, type MarkerKind } from "./prepare/settings";
import { SMOOTHING_FORMULA } from "./prepare/smooth";
import type { ChartSettingsState } from "./use-chart-settings";
import { X_KINDS, type XKind } from "./prepare/x-axis";

const X_TEXTS: Readonly<Record<XKind, string>> = {
  step: markText("Steps"),
  time: markText("Wall time"),
  episodes: markText("Episodes"),
  tokens: markText("Tokens"),
};

const MARKER_TEXTS: Readonly<Record<MarkerKind, string>> = {
  alarm: markText("Alarms"),
  restart: markText("Restarts"),
  checkpoint: markText("Checkpoints ▲"),
  evaluation: markText("Evaluations ❘"),
};

interface ChartToolbarProps {
  state: ChartSettingsState;
  /** What the horizontal axis can count. */
  kinds: readonly XKind[];
  /** Kinds of markers that the page has. */
  markers: readonly MarkerKind[];
}

/** How all charts below it are drawn. It stands within their scope. */
export function ChartToolbar({ state: { settings, change }, kinds, markers }: ChartToolbarProps) {
  const t = useText();
  const axis = useId();
  return (
    <div
      role="toolbar"
      aria-label={t("Charts")}
      className="z-20 mt-4 flex flex-wrap items-center gap-x-4 gap-y-2 rounded-lg border bg-card px-3 py-2 md:sticky md:top-2 print:hidden"
    >
      <SmoothingField value={settings.smoothing} onChange={(smoothing) => change({ smoothing })} />
      <div className="flex items-center gap-2">
        <label htmlFor={axis} className="text-xs text-muted-foreground">
          {t("Axis")}
        </label>
        <Select
          id={axis}
          className="h-7 w-auto text-xs"
          value={settings.x}
          onChange={(event) => change({ x: event.target.value as XKind })}
        >
          {X_KINDS.map((kind) => (
            <option key={kind} value={kind} disabled={!kinds.includes(kind)}>
              {kinds.includes(kind)
                ? t(X_TEXTS[kind])
                : t("{axis} (not measured)", { axis: t(X_TEXTS[kind]) })}
            </option>
          ))}
        </Select>
      </div>
      <div className="flex items-center gap-1">
        <Toggle label={t("Log y")} on={settings.logY} onChange={(logY) => change({ logY })} />
        <Toggle label={t("Log x")} on={settings.logX} onChange={(logX) => change({ logX })} />
        <Toggle
          label={t("Without outliers")}
          on={settings.clip}
          onChange={(clip) => change({ clip })}
        />
      </div>
      {markers.length > 0 ? (
        <Menu>
          <MenuTrigger asChild>
            <Button size="sm" variant="ghost">
              <ListFilter /> {t("Markers")}
            </Button>
          </MenuTrigger>
          <MenuContent align="start">
            {markers.map((kind) => (
              <MenuCheckboxItem
                key={kind}
                checked={settings.markers.includes(kind)}
                onCheckedChange={(on) =>
                  change({
                    markers: MARKER_KINDS.filter((k) =>
                      k === kind ? on : settings.markers.includes(k),
                    ),
                  })
                }
              >
                {t(MARKER_TEXTS[kind])}
              </MenuCheckboxItem>
            ))}
          </MenuContent>
        </Menu>
      ) : null}
      <ZoomFields />
    </div>
  );
}

type ToggleProps = { label: string; on: boolean; onChange: (on: boolean) => void };

const Toggle = ({ label, on, onChange }: ToggleProps) => (
  <Button
    size="sm"
    variant={on ? "outline" : "ghost"}
    aria-pressed={on}
    onClick={() => onChange(!on)}
  >
    {on ? <Check /> : null}
    {label}
  </Button>
);

type SmoothingFieldProps = { value: number; onChange: (value: number) => void };

function SmoothingField({ value, onChange }: SmoothingFieldProps) {
  const t = useText();
  const id = useId();
  return (
    <div className="flex items-center gap-2">
      <Tooltip content={t(SMOOTHING_FORMULA)}>
        <label
          htmlFor={id}
          className="cursor-help text-xs text-muted-foreground underline decoration-dotted underline-offset-2"
        >
          {t("Smoothing")}
        </label>
      </Tooltip>
      <input
        id={id}
        type="range"
        min={0}
        max={MAX_SMOOTHING}
        step={0.01}
        value={value}
        title={t(SMOOTHING_FORMULA)}
        className="w-28 accent-(--primary)"
        onChange={(event) => onChange(Number(event.target.value))}
      />
      <output htmlFor={id} className="w-8 font-mono text-xs">
        {value === 0 ? t("off") : value.toFixed(2)}
      </output>
    </div>
  );
}

const toText = (value: number | undefined): string =>
  value === undefined ? "" : String(Number(value.toPrecision(6)));

/** The part of the axis that is shown: what dragging over a chart does, by keys and on a phone. */
function ZoomFields() {
  const t = useText();
  const { zoom: store, xKind } = useChartScope();
  const zoom = useZoom();
  const [draft, setDraft] = useState<{ from: string; to: string } | null>(null);
  const from = draft?.from ?? toText(zoom?.[0]);
  const to = draft?.to ?? toText(zoom?.[1]);
  const apply = (): void => {
    if (!draft) return;
    if (from === "" && to === "") store.set(null);
    else store.set(parseZoom(`${from}..${to}`) ?? zoom);
    setDraft(null);
  };
  const fieldProps = (name: "from" | "to", value: string) => ({
    className: "h-7 w-20 px-2 text-xs",
    inputMode: "decimal" as const,
    "aria-label": t(name === "from" ? "Shown from" : "Shown to"),
    placeholder: t(name === "from" ? "start" : "end"),
    value,
    onChange: (event: { target: { value: string } }) =>
      setDraft({ from, to, [name]: event.target.value }),
  });
  return (
    <form
      className="flex items-center gap-1.5 text-xs text-muted-foreground"
      onBlur={(event) => event.currentTarget.contains(event.relatedTarget) || apply()}
      onSubmit={(event) => {
        event.preventDefault();
        apply();
      }}
    >
      {xKind === "time" ? t("Seconds") : t(X_TEXTS[xKind])}
      <Input {...fieldProps("from", from)} />–
      <Input {...fieldProps("to", to)} />
      <button type="submit" className="sr-only">
        {t("Show this part")}
      </button>
      <ResetZoom />
    </form>
  );
}
