"use client";
import { CircleCheck, CircleDashed, TriangleAlert } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useState } from "react";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import type { HomeActivity, HomeResults } from "@/app/_lib/live/trpc";
import { Badge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { Card, CardHeader } from "@/app/_ui/card";
import { ALARMS } from "@/core/metrics/alarms";

const STEPS: readonly {
  key: keyof HomeResults["done"];
  title: string;
  text: string;
  href: string;
}[] = [
  {
    key: "indexed",
    title: markText("Index a corpus"),
    text: markText("Atlas comes with the installation; import your own documents."),
    href: "/corpora",
  },
  {
    key: "trained",
    title: markText("Train a searcher"),
    text: markText("A small model on the embedded corpus, minutes on a laptop."),
    href: "/runs/new?preset=atlas-smollm2",
  },
  {
    key: "evaluated",
    title: markText("Answer questions"),
    text: markText("With s3, and a checkpoint of what was trained."),
    href: "/runs/new?preset=atlas-s3",
  },
  {
    key: "compared",
    title: markText("Compare methods"),
    text: markText("The same questions, paired tests, one table."),
    href: "/leaderboard",
  },
];

/** The first steps with this product; a step is checked off by what exists. Nothing once all are done. */
export function NextSteps({ done }: { done: HomeResults["done"] }) {
  const t = useText();
  if (STEPS.every(({ key }) => done[key])) return null;
  return (
    <Card className="pb-2" aria-label={t("Next steps")}>
      <CardHeader title={t("Next steps")} />
      <ol className="mt-1">
        {STEPS.map(({ key, title, text, href }) => (
          <li
            key={key}
            className="relative flex gap-2.5 px-4 py-1.5 hover:bg-muted/50"
            data-step={key}
          >
            {done[key] ? (
              <CircleCheck className="mt-0.5 size-4 shrink-0 text-good" aria-label={t("done")} />
            ) : (
              <CircleDashed
                className="mt-0.5 size-4 shrink-0 text-muted-foreground"
                aria-label={t("to do")}
              />
            )}
            <span>
              <Link href={href} className="row-link">
                {t(title)}
              </Link>
              <span className="block text-xs text-muted-foreground">{t(text)}</span>
            </span>
          </li>
        ))}
      </ol>
    </Card>
  );
}

/** Alarms that are listed at first. */
const LISTED_ALARMS = 8;

/** Alarms that are raised now. */
export function AlarmsCard({ alarms }: { alarms: HomeActivity["alarms"] }) {
  const t = useText();
  const [showsAll, setShowsAll] = useState(false);
  if (alarms.length === 0) return null;
  const listed = showsAll ? alarms : alarms.slice(0, LISTED_ALARMS);
  return (
    <Card className="border-warn/40 pb-2" aria-label={t("Alarms")}>
      <CardHeader
        title={t("{count, plural, one {# alarm} other {# alarms}}", { count: alarms.length })}
      />
      <ul className="mt-1">
        {listed.map(({ runId, run, name }) => (
          <li
            key={`${runId} ${name}`}
            className="relative flex gap-2.5 px-4 py-1.5 hover:bg-muted/50"
          >
            <TriangleAlert className="mt-0.5 size-4 shrink-0 text-warn" aria-hidden />
            <span className="min-w-0">
              <Link href={`/runs/${runId}`} className="row-link">
                {t(ALARMS[name].title)}
              </Link>
              <span className="block truncate text-xs text-muted-foreground">{run}</span>
            </span>
          </li>
        ))}
      </ul>
      {listed.length < alarms.length ? (
        <Button variant="ghost" size="sm" className="mx-2" onClick={() => setShowsAll(true)}>
          {t("Show all")}
        </Button>
      ) : null}
    </Card>
  );
}

/** Online workers that are listed. */
const LISTED_WORKERS = 8;

/** Workers with the runs that they hold. */
export function WorkersCard({ workers }: { workers: HomeActivity["workers"] }) {
  const t = useText();
  const online = workers.filter(({ state }) => state === "online");
  return (
    <Card className="pb-3" aria-label={t("Workers")}>
      <CardHeader title={t("Workers")}>
        <Link href="/workers" className="text-xs text-primary hover:underline">
          {t("All")}
        </Link>
      </CardHeader>
      {online.length === 0 ? (
        <p className="px-4 pt-1 text-muted-foreground">
          {t("No worker is online: runs wait for one.")}
        </p>
      ) : (
        <ul className="mt-1">
          {online.slice(0, LISTED_WORKERS).map(({ id, name, runs }) => (
            <li key={id} className="flex items-center gap-2 px-4 py-1">
              <span className="min-w-0 truncate">{name}</span>
              <Badge tone={runs > 0 ? "primary" : "neutral"} className="ml-auto">
                {runs > 0
                  ? t("{count, plural, one {# run} other {# runs}}", { count: runs })
                  : t("idle")}
              </Badge>
            </li>
          ))}
        </ul>
      )}
      {online.length > LISTED_WORKERS ? (
        <p className="px-4 pt-1 text-xs">
          <Link href="/workers" className="text-primary hover:underline">
            {t("{count, plural, one {# more is} other {# more are}} online", {
              count: online.length - LISTED_WORKERS,
            })}
          </Link>
        </p>
      ) : null}
      {workers.length > online.length ? (
        <p className="px-4 pt-1 text-xs text-muted-foreground">
          {t("{count, plural, one {# more is} other {# more are}} offline", {
            count: workers.length - online.length,
          })}
        </p>
      ) : null}
    </Card>
  );
}
