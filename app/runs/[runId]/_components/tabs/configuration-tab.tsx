"use client";
import { useText } from "@/app/_i18n/text-provider";
import { describeValue } from "@/core/run/describe-value";
import { SettingHelp } from "@/app/_settings/setting-help";
import { cn } from "@/app/_ui/cn";
import {
  getServed,
  isChanged,
  isGroupUsed,
  listActiveSettings,
  readSettingValue,
} from "@/core/run/setting-groups";
import { listSettingGroups } from "@/core/run/settings";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { Card } from "@/app/_ui/card";
import { CopyButton } from "@/app/_ui/copy-button";
import { getSettingValue } from "@/core/run/setting-values";
import { ExternalConfiguration } from "@/app/runs/[runId]/_components/overview/external-configuration";
import { ConfigurationDifference } from "./configuration-difference";

/** The run's settings; those that differ from their defaults are marked. */
export function ConfigurationTab({ run }: { run: RunDetail }) {
  const t = useText();
  if (run.config.kind === "external")
    return <ExternalConfiguration parameters={run.config.parameters} />;
  const groups = listSettingGroups(run.config.kind, getServed(run.config)).filter((group) =>
    isGroupUsed(group, run.config),
  );
  const json = JSON.stringify(run.config, null, 2);
  return (
    <>
      <ConfigurationDifference run={run} />
      <div className="mb-3 flex items-center justify-between gap-3">
        <p className="text-xs text-muted-foreground">
          <span
            className="mr-1.5 inline-block size-1.5 rounded-full bg-primary align-middle"
            aria-hidden
          />
          {t("differs from the default")}
        </p>
        <CopyButton text={json} label={t("Copy as JSON")} />
      </div>
      {run.importedFrom === null ? null : (
        <p className="mb-3 rounded-md bg-warn-soft px-3 py-2 text-xs text-warn">
          {t(
            "Imported from {importedFrom}: the files hold no settings. What they do not say has its default here, and need not be how those results came about.",
            { importedFrom: run.importedFrom },
          )}
        </p>
      )}
      <div className="columns-1 gap-3 md:columns-2 xl:columns-3">
        {groups.map((group) => {
          const kind = group.variant && getSettingValue(run.config, group.variant.path);
          return (
            <Card key={group.id} className="mb-3 break-inside-avoid px-4 py-3">
              <h2 className="font-medium">{t(group.title)}</h2>
              <dl className="mt-1.5">
                {kind ? (
                  <Row title={t("Kind")} value={describeValue(t, kind)} changed={false} />
                ) : null}
                {listActiveSettings(group, run.config).map((s) => {
                  const value = readSettingValue(s, run.config);
                  return (
                    <Row
                      key={s.path}
                      title={t(s.meta.title)}
                      value={describeValue(t, value)}
                      changed={isChanged(s, value)}
                      path={s.path}
                    />
                  );
                })}
              </dl>
            </Card>
          );
        })}
      </div>
    </>
  );
}

interface RowProps {
  title: string;
  value: string;
  changed: boolean;
  path?: string;
}

function Row({ title, value, changed, path }: RowProps) {
  const t = useText();
  return (
    <div className="flex min-h-6 items-baseline justify-between gap-4 text-xs">
      <dt className="flex min-w-0 items-center text-muted-foreground">
        {title}
        {path ? <SettingHelp path={path} /> : null}
      </dt>
      <dd className={cn("min-w-0 text-right font-mono break-words", changed && "text-primary")}>
        {changed ? (
          <span
            className="mr-1.5 inline-block size-1.5 rounded-full bg-primary align-middle"
            role="img"
            aria-label={t("differs from the default")}
          />
        ) : null}
        {value}
      </dd>
    </div>
  );
}
