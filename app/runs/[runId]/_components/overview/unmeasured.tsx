import { Fragment } from "react";
import type { ChartDefinition } from "@/app/_charts/prepare/chart-definition";
import { useText } from "@/app/_i18n/text-provider";

interface UnmeasuredProps {
  charts: readonly ChartDefinition[];
  explain: (chart: ChartDefinition) => string;
}

/** What a run that is over never reported, each with the reason, in place of empty charts. */
export function Unmeasured({ charts, explain }: UnmeasuredProps) {
  const t = useText();
  if (charts.length === 0) return null;
  return (
    <section aria-label={t("Without points")} className="mt-5">
      <h2 className="mb-2 text-xs font-semibold text-muted-foreground">{t("Without points")}</h2>
      <dl className="grid gap-x-4 gap-y-1 text-xs sm:grid-cols-[max-content_1fr]">
        {charts.map((chart) => (
          <Fragment key={chart.id}>
            <dt className="font-medium">{t(chart.title)}</dt>
            <dd className="text-muted-foreground max-sm:mb-1">{explain(chart)}</dd>
          </Fragment>
        ))}
      </dl>
    </section>
  );
}
