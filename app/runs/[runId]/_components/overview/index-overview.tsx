"use client";
import { Search } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { EmptyState } from "@/app/_ui/states";
import type { IndexConfig } from "@/contracts/run-config/index-config";
import { TERMINAL_STATES } from "@/core/run/transitions";

/** An import or an index build: how far it is, and where its result is found. */
export function IndexOverview({ run, config }: { run: RunDetail; config: IndexConfig }) {
  const t = useText();
  const { corpus } = config;
  const title =
    run.state === "succeeded"
      ? t("“{corpus}” is ready", { corpus })
      : TERMINAL_STATES.has(run.state)
        ? t("It did not come to its end")
        : t("Under way");
  const detail =
    t.message(run.progress?.detail ?? "") ||
    (TERMINAL_STATES.has(run.state)
      ? t("The logs say why; resumed, it goes on where it was.")
      : t(
          "Its progress stands above. The plan of the index (memory, disk) comes into the logs before it is built.",
        ));
  return (
    <EmptyState
      title={title}
      action={
        <div className="flex flex-wrap justify-center gap-2">
          <Button asChild>
            <Link href={`/corpora/${encodeURIComponent(corpus)}`}>{t("See the corpus")}</Link>
          </Button>
          {run.state === "succeeded" && config.buildIndex ? (
            <Button variant="primary" asChild>
              <Link href={`/playground?corpus=${encodeURIComponent(corpus)}`}>
                <Search /> {t("Open in playground")}
              </Link>
            </Button>
          ) : null}
        </div>
      }
    >
      {detail}
    </EmptyState>
  );
}
