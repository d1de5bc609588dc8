package media

// How much a shard may have to do.
const (
	// defaultShardFull is about an eighth of what a core can send. It is no more,
	// since those who are there stay, and are sent what further ones publish.
	defaultShardFull = 50_000
	// presumedRate is what a new subscription is taken for until its packets are
	// counted, a second: sound, and a small video.
	presumedRate = 100
)

// shardLoad is what placement knows of a shard.
type shardLoad struct {
	rooms   int
	packets int // a second that it sends, or will soon
}

// placeRoom gives the shard on which a new room begins: the one with the fewest
// rooms, and of these the one with the least to send.
func placeRoom(loads []shardLoad) int {
	best := 0
	for i, l := range loads {
		if b := loads[best]; l.rooms < b.rooms || l.rooms == b.rooms && l.packets < b.packets {
			best = i
		}
	}
	return best
}

// placeParticipant gives the shard for a new participant of a room that lives on the
// shards present. That is the one of them with the least to send, as long as it
// sends less than full packets a second: a room costs least where it is together.
// Beyond that it is the shard with the least to send of all, if it is worth a pipe:
// if it has at most half as much to send.
func placeParticipant(present []int, loads []shardLoad, full int) int {
	best := present[0]
	for _, i := range present[1:] {
		if loads[i].packets < loads[best].packets {
			best = i
		}
	}
	if loads[best].packets < full {
		return best
	}
	least := best
	for i, l := range loads {
		if l.packets < loads[least].packets {
			least = i
		}
	}
	if 2*loads[least].packets <= loads[best].packets {
		return least
	}
	return best
}
