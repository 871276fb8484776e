"use client";
import { Library, LineChart, ListChecks, Plus, Scale, Search, Server, Trophy } from "lucide-react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { cn } from "@/app/_lib/cn";

const LINKS = [
  { href: "/", label: "Runs", icon: LineChart },
  { href: "/runs/new", label: "New run", icon: Plus },
  { href: "/corpora", label: "Corpora", icon: Library },
  { href: "/playground", label: "Playground", icon: Search },
  { href: "/questions", label: "Questions", icon: ListChecks },
  { href: "/leaderboard", label: "Leaderboard", icon: Trophy },
  { href: "/labels", label: "Labels", icon: Scale },
  { href: "/workers", label: "Workers", icon: Server },
] as const;

const isActive = (href: string, path: string): boolean => (href === "/playground" && path.startsWith("/retrieval")) || (href === "/" ? path === "/" || (path.startsWith("/runs/") && path !== "/runs/new") : path.startsWith(href));

export function Brand() {
  return (
    <Link href="/" className="flex items-center gap-2 px-1 font-semibold" aria-label="s3, all runs">
      <svg viewBox="0 0 32 32" className="size-6" aria-hidden>
        <rect width="32" height="32" rx="7" className="fill-primary" />
        <path d="M6 22l6-6 5 4 9-11" fill="none" strokeWidth="3" strokeLinecap="round" strokeLinejoin="round" className="stroke-primary-foreground" />
      </svg>
      <span className="text-[0.9375rem]">s3</span>
    </Link>
  );
}

export function SideLinks() {
  const path = usePathname();
  return (
    <nav aria-label="Main" className="mt-5 flex flex-col gap-0.5">
      {LINKS.map(({ href, label, icon: Icon }) => (
        <Link
          key={href}
          href={href}
          aria-current={isActive(href, path) ? "page" : undefined}
          className={cn("flex h-8 items-center gap-2.5 rounded-md px-2 font-medium text-muted-foreground transition-colors hover:bg-muted hover:text-foreground", isActive(href, path) && "bg-muted text-foreground")}
        >
          <Icon className="size-4" aria-hidden /> {label}
        </Link>
      ))}
    </nav>
  );
}

export function BottomBar() {
  const path = usePathname();
  return (
    <nav aria-label="Main" className="fixed inset-x-0 bottom-0 z-20 grid auto-cols-[minmax(4.5rem,1fr)] grid-flow-col overflow-x-auto border-t bg-card pb-[env(safe-area-inset-bottom)] md:hidden">
      {LINKS.map(({ href, label, icon: Icon }) => (
        <Link
          key={href}
          href={href}
          aria-current={isActive(href, path) ? "page" : undefined}
          className={cn("flex h-14 flex-col items-center justify-center gap-0.5 text-2xs font-medium text-muted-foreground", isActive(href, path) && "text-primary")}
        >
          <Icon className="size-5" aria-hidden /> {label}
        </Link>
      ))}
    </nav>
  );
}
