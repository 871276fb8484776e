import { SettingHelp } from "@/app/_settings/setting-help";
import { MetricHelp } from "@/app/_ui/metric-help";
import { readRunColumn } from "@/core/run/run-columns";

interface ColumnHelpProps {
  /** Text that names it, e.g. "best:reward/mean" or "setting:rl.steps". */
  column: string;
  /** What the button asks for where it is not the name of the metric. */
  name?: string;
  className?: string;
}

/** What a column that people choose shows: a metric or a setting. Nobody here knows what another trainer's parameter means. */
export function ColumnHelp({ column: text, name, className }: ColumnHelpProps) {
  const column = readRunColumn(text);
  if (column.of === "parameter") return null;
  return column.of === "setting" ? (
    <SettingHelp path={column.path} className={className} />
  ) : (
    <MetricHelp metric={column.metric} name={name} className={className} />
  );
}
