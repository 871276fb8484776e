"use client";
import {
  Ellipsis,
  Grid3x3,
  Library,
  LineChart,
  ListChecks,
  Plus,
  Scale,
  Search,
  Server,
  Trophy,
} from "lucide-react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { cn } from "@/app/_lib/cn";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/app/_ui/menu";

const LINKS = [
  { href: "/", label: "Runs", icon: LineChart },
  { href: "/runs/new", label: "New run", icon: Plus },
  { href: "/sweeps", label: "Sweeps", icon: Grid3x3 },
  { href: "/corpora", label: "Corpora", icon: Library },
  { href: "/playground", label: "Playground", icon: Search },
  { href: "/questions", label: "Questions", icon: ListChecks },
  { href: "/leaderboard", label: "Leaderboard", icon: Trophy },
  { href: "/labels", label: "Labels", icon: Scale },
  { href: "/workers", label: "Workers", icon: Server },
] as const;

const isActive = (href: string, path: string): boolean =>
  (href === "/playground" && path.startsWith("/retrieval")) ||
  (href === "/"
    ? path === "/" || (path.startsWith("/runs/") && path !== "/runs/new")
    : path.startsWith(href));

/** The product's name, which leads to the list of runs. */
export function Brand() {
  return (
    <Link href="/" className="flex items-center gap-2 px-1 font-semibold" aria-label="s3, all runs">
      <svg viewBox="0 0 32 32" className="size-6" aria-hidden>
        <rect width="32" height="32" rx="7" className="fill-primary" />
        <path
          d="M6 22l6-6 5 4 9-11"
          fill="none"
          strokeWidth="3"
          strokeLinecap="round"
          strokeLinejoin="round"
          className="stroke-primary-foreground"
        />
      </svg>
      <span className="text-[0.9375rem]">s3</span>
    </Link>
  );
}

/** Links to all pages, for wide screens. */
export function SideLinks() {
  const path = usePathname();
  return (
    <nav aria-label="Main" className="mt-5 flex flex-col gap-0.5">
      {LINKS.map(({ href, label, icon: Icon }) => (
        <Link
          key={href}
          href={href}
          aria-current={isActive(href, path) ? "page" : undefined}
          className={cn(
            "flex h-8 items-center gap-2.5 rounded-md px-2 font-medium text-muted-foreground transition-colors hover:bg-muted hover:text-foreground",
            isActive(href, path) && "bg-muted text-foreground",
          )}
        >
          <Icon className="size-4" aria-hidden /> {label}
        </Link>
      ))}
    </nav>
  );
}

/** Pages with a place in a phone's bar; the others are in its menu. */
const IN_BAR: ReadonlySet<string> = new Set(["/", "/runs/new", "/leaderboard", "/playground"]);
const barPlace = (active: boolean): string =>
  cn(
    "flex h-14 flex-col items-center justify-center gap-0.5 text-2xs font-medium text-muted-foreground",
    active && "text-primary",
  );

/** Links to the pages, for phones. */
export function BottomBar() {
  const path = usePathname();
  const others = LINKS.filter(({ href }) => !IN_BAR.has(href));
  return (
    <nav
      aria-label="Main"
      className="fixed inset-x-0 bottom-0 z-20 grid auto-cols-fr grid-flow-col border-t bg-card pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {LINKS.filter(({ href }) => IN_BAR.has(href)).map(({ href, label, icon: Icon }) => (
        <Link
          key={href}
          href={href}
          aria-current={isActive(href, path) ? "page" : undefined}
          className={barPlace(isActive(href, path))}
        >
          <Icon className="size-5" aria-hidden /> {label}
        </Link>
      ))}
      <Menu>
        <MenuTrigger asChild>
          <button
            type="button"
            className={barPlace(others.some(({ href }) => isActive(href, path)))}
          >
            <Ellipsis className="size-5" aria-hidden /> More
          </button>
        </MenuTrigger>
        <MenuContent side="top">
          {others.map(({ href, label, icon: Icon }) => (
            <MenuItem key={href} asChild>
              <Link href={href} aria-current={isActive(href, path) ? "page" : undefined}>
                <Icon aria-hidden /> {label}
              </Link>
            </MenuItem>
          ))}
        </MenuContent>
      </Menu>
    </nav>
  );
}
