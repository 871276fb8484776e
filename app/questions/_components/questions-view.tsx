"use client";
import { useQuery } from "@tanstack/react-query";
import { Upload } from "lucide-react";
import dynamic from "next/dynamic";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatAgo, formatInteger } from "@/app/_lib/format/format";
import { useTRPC } from "@/app/_lib/live/trpc";
import { useNow } from "@/app/_lib/hooks/use-now";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { Badge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { Card } from "@/app/_ui/card";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { SetPreview } from "./set-preview";

/** Loaded once it is opened: it reads every form of a question file. */
const ImportDialog = dynamic(() => import("./import-dialog").then((m) => m.ImportDialog), {
  ssr: false,
});

/** Question sets: those that came with the installation, and one's own. */
export function QuestionsView() {
  const t = useText();
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const [importing, setImporting] = useState(false);
  const now = useNow();
  const sets = useQuery(trpc.catalogue.questionSets.queryOptions());
  const chosen = sets.data?.find((set) => set.name === params.get("set")) ?? sets.data?.[0];
  const button = (
    <Button variant="primary" onClick={() => setImporting(true)}>
      <Upload /> {t("Import questions")}
    </Button>
  );
  return (
    <>
      <header className="flex items-center justify-between gap-4">
        <h1 className="text-lg font-semibold">{t("Questions")}</h1>
        {button}
      </header>
      <div className="mt-4">
        {sets.isPending ? (
          <div className="grid gap-4 lg:grid-cols-[20rem_minmax(0,1fr)]" aria-busy>
            <Skeleton className="h-40" />
            <Skeleton className="h-96" />
          </div>
        ) : sets.isError ? (
          <QueryErrorState title={t("The question sets could not be read")} query={sets} />
        ) : sets.data.length === 0 || !chosen ? (
          <EmptyState title={t("No question set yet")} action={button}>
            {t(
              "A set is a JSONL file: one question with its answers on each line. Questions that name gold documents can also measure a retriever.",
            )}
          </EmptyState>
        ) : (
          <div className="grid items-start gap-4 lg:grid-cols-[20rem_minmax(0,1fr)]">
            <Card aria-label={t("Question sets")} className="p-1.5">
              <ul>
                {sets.data.map((set) => (
                  <li key={set.name}>
                    <button
                      type="button"
                      aria-current={set.name === chosen.name ? "true" : undefined}
                      className={cn(
                        "w-full rounded-md px-2.5 py-2 text-left hover:bg-muted",
                        set.name === chosen.name && "bg-muted",
                      )}
                      onClick={() => setParams({ set: set.name, q: null })}
                      data-set={set.name}
                    >
                      <span className="flex items-center justify-between gap-2">
                        <span className="min-w-0 truncate font-medium">{set.name}</span>
                        {set.withGold === 0 ? (
                          <Badge tone="warn">{t("no gold")}</Badge>
                        ) : (
                          <Badge tone="good">
                            {t("{which, select, all {gold} other {{count} gold}}", {
                              which: set.withGold === set.questions ? "all" : "some",
                              count: formatInteger(set.withGold),
                            })}
                          </Badge>
                        )}
                      </span>
                      <span className="block truncate text-2xs text-muted-foreground">
                        {t("{count, plural, one {# question} other {# questions}}", {
                          count: set.questions,
                        })}{" "}
                        · {set.createdBy} · {formatAgo(t, set.createdAt, now)}
                      </span>
                    </button>
                  </li>
                ))}
              </ul>
            </Card>
            <SetPreview key={chosen.name} set={chosen.name} withGold={chosen.withGold} />
          </div>
        )}
      </div>
      {importing ? (
        <ImportDialog
          open
          onClose={() => setImporting(false)}
          onImported={(name) => {
            setImporting(false);
            setParams({ set: name, q: null });
          }}
        />
      ) : null}
    </>
  );
}
