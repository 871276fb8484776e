"use client";
import { useText } from "@/app/_i18n/text-provider";
import { Card } from "@/app/_ui/card";
import { CopyButton } from "@/app/_ui/copy-button";
import { EmptyState } from "@/app/_ui/states";
import type { ExternalConfig } from "@/contracts/run-config/external-config";

/** The configuration of another trainer, as it reported it as parameters. */
export function ExternalConfiguration({ parameters: given }: Pick<ExternalConfig, "parameters">) {
  const t = useText();
  const parameters = Object.entries(given).sort(([a], [b]) => (a < b ? -1 : 1));
  if (parameters.length === 0)
    return (
      <EmptyState title={t("No parameter was reported")}>
        {t("A trainer reports its configuration as parameters, or not at all.")}
      </EmptyState>
    );
  return (
    <>
      <div className="mb-3 flex items-center justify-between gap-3">
        <p className="text-xs text-muted-foreground">
          {t(
            "{count, plural, one {# parameter} other {# parameters}}, as the trainer reported them.",
            {
              count: parameters.length,
            },
          )}
        </p>
        <CopyButton text={JSON.stringify(given, null, 2)} label={t("Copy as JSON")} />
      </div>
      <Card className="px-4 py-3">
        <dl className="columns-1 gap-8 text-xs md:columns-2" data-parameters={parameters.length}>
          {parameters.map(([name, value]) => (
            <div key={name} className="flex items-baseline justify-between gap-4 py-0.5">
              <dt className="min-w-0 break-all text-muted-foreground">{name}</dt>
              <dd className="min-w-0 text-right font-mono break-all">{value}</dd>
            </div>
          ))}
        </dl>
      </Card>
    </>
  );
}
