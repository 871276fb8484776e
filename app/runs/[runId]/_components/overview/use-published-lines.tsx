"use client";
import { useQuery } from "@tanstack/react-query";
import { BookOpenText } from "lucide-react";
import { useCallback, useMemo, type ReactNode } from "react";
import type { ReferenceValue } from "@/app/_charts/drawing/plot-drawing";
import { useText } from "@/app/_i18n/text-provider";
import { formatShare } from "@/app/_lib/format/format";
import { useTRPC } from "@/app/_lib/live/trpc";
import { useQuickParam } from "@/app/_lib/hooks/use-params";
import { Button } from "@/app/_ui/button";
import { Menu, MenuCheckboxItem, MenuContent, MenuItem, MenuTrigger } from "@/app/_ui/menu";
import { defer } from "@/app/_ui/deferred";
import type { PublishedLine } from "@/app/leaderboard/_components/table/published";

const published = defer(() => import("@/app/leaderboard/_components/table/published"));

const PARAM = "published";

interface Scored {
  questionSet: string;
  /** Of the run; absent: its configuration is not there. */
  scorer: string | undefined;
}

/** The published rows on a question set; read once they are asked for. */
function useLines({ questionSet, scorer }: Scored, enabled: boolean) {
  const t = useText();
  const trpc = useTRPC();
  const query = useQuery(trpc.leaderboard.published.queryOptions(undefined, { enabled }));
  const reader = published.useOptionalModule(enabled);
  const lines = useMemo(
    () => (query.data && reader?.listPublishedLines(t, query.data, questionSet, scorer)) ?? null,
    [t, query.data, reader, questionSet, scorer],
  );
  return { lines, isError: query.isError };
}

/**
 * Published rows that a chart of a run's accuracy shows as lines: the address holds which.
 *
 * @returns the lines, and the menu that chooses them
 */
export function usePublishedLines({ questionSet, scorer }: Scored): {
  references: readonly ReferenceValue[];
  menu: ReactNode;
} {
  const [text, setText] = useQuickParam(PARAM);
  const chosen = useMemo(() => text.split(",").filter(Boolean), [text]);
  const { lines } = useLines({ questionSet, scorer }, chosen.length > 0);
  const references = useMemo(
    () => lines?.filter(({ id }) => chosen.includes(id)) ?? [],
    [lines, chosen],
  );
  const toggle = useCallback(
    (id: string): void => {
      const next = chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id];
      setText(next.join(","));
    },
    [chosen, setText],
  );
  // The same node as before: a chart with other buttons is drawn again.
  const menu = useMemo(
    () => (
      <PublishedMenu questionSet={questionSet} scorer={scorer} chosen={chosen} onToggle={toggle} />
    ),
    [questionSet, scorer, chosen, toggle],
  );
  return { references, menu };
}

interface PublishedMenuProps extends Scored {
  /** Ids of rows. */
  chosen: readonly string[];
  onToggle: (id: string) => void;
}

function PublishedMenu(props: PublishedMenuProps) {
  const t = useText();
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button
          variant="ghost"
          size="icon-sm"
          className="-my-1 print:hidden"
          aria-label={t("Published results as lines")}
          title={t("Published results as lines")}
        >
          <BookOpenText />
        </Button>
      </MenuTrigger>
      <MenuContent className="max-h-96 max-w-[calc(100vw-2rem)] overflow-y-auto">
        <PublishedItems {...props} />
      </MenuContent>
    </Menu>
  );
}

/** The rows, best first. */
function PublishedItems({ questionSet, scorer, chosen, onToggle }: PublishedMenuProps) {
  const t = useText();
  const { lines, isError } = useLines({ questionSet, scorer }, true);
  const rows = useMemo(() => lines?.toSorted(compareLines) ?? [], [lines]);
  if (rows.length === 0)
    return (
      <MenuItem disabled className="text-xs">
        {isError
          ? t("The published results could not be read")
          : lines
            ? t("No published row has a figure for this question set.")
            : t("Loading")}
      </MenuItem>
    );
  return rows.map(({ id, name, value }) => (
    <MenuCheckboxItem
      key={id}
      checked={chosen.includes(id)}
      onCheckedChange={() => onToggle(id)}
      className="text-xs"
    >
      <span className="min-w-0 flex-1">{name}</span>
      <span className="ml-3 font-mono">{formatShare(value)}</span>
    </MenuCheckboxItem>
  ));
}

const compareLines = (a: PublishedLine, b: PublishedLine): number => b.value - a.value;
