/** Who gets a place when there are fewer places than people. */

/**
 * The people in the order in which they get places. As long as all find one,
 * nobody moves; else those heard last come first, but whoever is visible already
 * keeps the place that they had.
 */
export function placesFor<P extends { id: string; me: boolean }>(people: P[], places: number, recent: readonly string[]): { shown: P[]; hidden: P[] } {
  if (people.length <= places) return { shown: people, hidden: [] }
  const heard = new Map(recent.map((id, i) => [id, i]))
  const rank = (person: P, i: number) => (person.me ? -1 : (heard.get(person.id) ?? recent.length + i))
  const chosen = new Set(
    people
      .map((person, i) => ({ person, rank: rank(person, i) }))
      .sort((a, b) => a.rank - b.rank)
      .slice(0, places)
      .map(({ person }) => person),
  )
  return { shown: people.filter((person) => chosen.has(person)), hidden: people.filter((person) => !chosen.has(person)) }
}

/** How much a picture counts where the network is too slow for all: what is shown large most, then who speaks. */
export function priorityOf(onstage: boolean, speaks: boolean): number {
  if (onstage) return 60
  return speaks ? 30 : 10
}
