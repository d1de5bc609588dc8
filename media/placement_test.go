package media

import "testing"

func TestPlacement(t *testing.T) {
	loads := func(packets ...int) (all []shardLoad) {
		for _, n := range packets {
			all = append(all, shardLoad{packets: n})
		}
		return all
	}
	for _, c := range []struct {
		name    string
		present []int
		loads   []shardLoad
		want    int
	}{
		{"a room stays together", []int{1}, loads(0, 999, 0), 1},
		{"until its shard is full", []int{1}, loads(300, 1000, 200), 2},
		{"among those where it is, the one with the least to send", []int{0, 1}, loads(900, 800, 0), 1},
		{"when all of these are full, another one", []int{0, 1}, loads(1000, 1100, 10), 2},
		{"one with as much to do is not worth a pipe", []int{0}, loads(1000, 600, 900), 0},
		{"half as much is", []int{0}, loads(1000, 500, 900), 1},
		{"alone", []int{0}, loads(5000), 0},
	} {
		if got := placeParticipant(c.present, c.loads, 1000); got != c.want {
			t.Errorf("%s: shard %d, not %d", c.name, got, c.want)
		}
	}
	for want, loads := range [][]shardLoad{
		{{1, 50}, {1, 60}, {2, 0}},
		{{2, 0}, {1, 900}, {1, 901}},
		{{3, 0}, {3, 0}, {0, 5000}},
	} {
		if got := placeRoom(loads); got != want {
			t.Errorf("a new room: shard %d, not %d", got, want)
		}
	}
}
