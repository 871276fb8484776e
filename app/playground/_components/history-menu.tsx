"use client";
import { History, X } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { formatAgo } from "@/app/_lib/format/format";
import { useNow } from "@/app/_lib/hooks/use-now";
import { Button } from "@/app/_ui/button";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/app/_ui/menu";
import type { useQueryHistory } from "./history";

/** The latest queries of this browser. */
export function HistoryMenu({ history }: { history: ReturnType<typeof useQueryHistory> }) {
  const t = useText();
  const now = useNow();
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button variant="ghost" size="sm">
          <History /> {t("History")}
        </Button>
      </MenuTrigger>
      <MenuContent className="max-h-80 w-80 max-w-[calc(100vw-2rem)] overflow-y-auto">
        {history.entries.length === 0 ? (
          <p className="px-2 py-3 text-center text-xs text-muted-foreground">
            {t("Queries that you ask in this browser appear here.")}
          </p>
        ) : null}
        {history.entries.map((entry) => (
          <MenuItem key={entry.href} asChild>
            <Link href={entry.href}>
              <span className="min-w-0 flex-1 truncate">{entry.query}</span>
              <span className="shrink-0 text-2xs text-muted-foreground">
                {formatAgo(t, entry.at, now)}
              </span>
            </Link>
          </MenuItem>
        ))}
        {history.entries.length > 0 ? (
          <MenuItem
            className="mt-1 border-t text-xs text-muted-foreground"
            onSelect={history.clear}
          >
            <X /> {t("Forget all")}
          </MenuItem>
        ) : null}
      </MenuContent>
    </Menu>
  );
}
