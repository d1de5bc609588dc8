package erizo

import (
	"encoding/json"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// maxReadings is how many statistics a client may wait for.
const maxReadings = 8

// maxRead is of how many participants the statistics of one stream tell.
const maxRead = 100

// counted has what is counted for participants.
type counted map[protocol.ParticipantID]json.RawMessage

// transportCounts is what of the counters of a transport has a name in Licode.
type transportCounts struct {
	Transport protocol.TransportID `json:"transport"`
	Path      string               `json:"path"`
	Router    struct {
		KeyframesAsked     uint64         `json:"keyframesAsked"`
		NACKsIn            uint64         `json:"nacksIn"`
		RetransmittedBytes uint64         `json:"retransmittedBytes"`
		ProbedBytes        uint64         `json:"probedBytes"`
		Link               *linkCounts    `json:"link"`
		Published          []sourceCounts `json:"published"`
		Subscribed         []slotCounts   `json:"subscribed"`
	} `json:"router"`
}

type linkCounts struct {
	Estimate float64 `json:"estimate"` // bits per second
	Wanted   float64 `json:"wanted"`
	Measured bool    `json:"measured"`
	Used     float64 `json:"used"`
	Probing  float64 `json:"probing"`
}

type sourceCounts struct {
	MID              string            `json:"mid"`
	RID              string            `json:"rid"`
	Stream           protocol.StreamID `json:"stream"`
	Track            protocol.TrackID  `json:"track"`
	Muted            bool              `json:"muted"`
	JitterMS         float64           `json:"jitterMs"`
	Bitrate          uint64            `json:"bitrate"`
	Packets          uint64            `json:"packets"`
	Bytes            uint64            `json:"bytes"`
	NACKed           uint64            `json:"nacked"`
	Keyframes        uint64            `json:"keyframes"`
	KeyframeRequests uint64            `json:"keyframeRequests"`
	Lost             int64             `json:"lost"`
	FractionLost     int               `json:"fractionLost"` // 0 to 255
	Layers           []struct {
		Spatial  int    `json:"spatial"`
		Temporal int    `json:"temporal"`
		Bitrate  uint64 `json:"bitrate"`
		Flowing  bool   `json:"flowing"`
	} `json:"layers"`
}

type slotCounts struct {
	MID          string            `json:"mid"`
	Stream       protocol.StreamID `json:"stream"`
	Track        protocol.TrackID  `json:"track"`
	Layer        *protocol.Layer   `json:"layer"`
	Packets      uint64            `json:"packets"`
	Bytes        uint64            `json:"bytes"`
	Lost         int64             `json:"lost"`
	FractionLost float64           `json:"fractionLost"` // 0 to 1
	JitterMS     float64           `json:"jitterMs"`
}

// transports reads the counters of a participant.
func (of counted) transports(id protocol.ParticipantID) []transportCounts {
	var list []transportCounts
	_ = json.Unmarshal(of[id], &list) // what cannot be read is not told
	return list
}

// estimateOf gives what the link of a transport carries, in bits per second; 0 if
// it is not known.
func estimateOf(list []transportCounts, id protocol.TransportID) float64 {
	for _, t := range list {
		if t.Transport == id && t.Router.Link != nil && t.Router.Link.Measured {
			return t.Router.Link.Estimate
		}
	}
	return 0
}

// read asks for the counters of participants.
func (c *Client) read(of []protocol.ParticipantID, then func(counted)) {
	c.lastTicket++
	c.readings[c.lastTicket] = then
	c.do(ReadStats{Ticket: c.lastTicket, Of: of})
}

// Stats answers the ReadStats of that ticket: protocol.Stats.Transports of each
// participant that could be read.
func (c *Client) Stats(_ time.Time, ticket uint64, of map[protocol.ParticipantID]json.RawMessage) {
	then, ok := c.readings[ticket]
	if !ok || c.over {
		return
	}
	delete(c.readings, ticket)
	then(of)
}

// streamStats tells what is counted for a stream, at its publisher and at those
// who get it.
func (c *Client) streamStats(_ time.Time, msg json.RawMessage, ack int) {
	id, ok := readStreamID(msg)
	s := c.streams[id]
	switch {
	case !c.may(protocol.ReadStats):
		c.refuse(ack, unauthorized)
		return
	case !ok:
		c.refuse(ack, reasonMalformed)
		return
	case s == nil:
		c.refuse(ack, reasonNoStream)
		return
	case c.peers():
		c.refuse(ack, reasonPeers)
		return
	case len(c.readings) >= maxReadings:
		c.refuse(ack, reasonTooMuch)
		return
	}
	of := []protocol.ParticipantID{s.Participant}
	if s.Participant != c.me.ID {
		of = append(of, c.me.ID)
	}
	for _, p := range c.participants {
		if p != s.Participant && len(of) < maxRead {
			of = append(of, p)
		}
	}
	c.read(of, func(counts counted) { c.ack(ack, licodeStats(s, of, counts)) })
}

// licodeStats gives the counters of a stream the form that Licode's clients know:
// publisher, and the ids of its subscribers.
func licodeStats(s *stream, of []protocol.ParticipantID, counts counted) map[string]any {
	kinds, rates := map[protocol.TrackID]protocol.Kind{}, map[protocol.TrackID]uint64{}
	for _, t := range s.Tracks {
		kinds[t.ID] = t.Kind
	}
	for _, t := range counts.transports(s.Participant) {
		for _, p := range t.Router.Published {
			if p.Stream == s.ID && !p.Muted {
				rates[p.Track] = p.Bitrate
			}
		}
	}
	stats := map[string]any{}
	for _, id := range of {
		for _, t := range counts.transports(id) {
			if id == s.Participant {
				merge(stats, "publisher", t.publisher(s.ID, kinds))
			}
			merge(stats, string(id), t.subscriber(s.ID, kinds, rates))
		}
	}
	return stats
}

// merge adds an entry; one that is there already, of another transport, stays.
func merge(stats map[string]any, name string, entry map[string]any) {
	if _, ok := stats[name]; !ok && entry != nil {
		stats[name] = entry
	}
}

// publisher gives the entry of who publishes the stream on this transport; nil if
// nobody does.
func (t *transportCounts) publisher(id protocol.StreamID, kinds map[protocol.TrackID]protocol.Kind) map[string]any {
	entry := map[string]any{}
	var total, packets uint64
	layers := map[string]any{}
	encodings, top := 0, [2]int{-1, -1}
	for _, p := range t.Router.Published {
		if p.Stream != id {
			continue
		}
		kind := kinds[p.Track]
		total += p.Bitrate
		packets += p.Packets
		entry[t.key(p.MID, p.RID)] = map[string]any{
			"type": kind, "bitrateCalculated": p.Bitrate, "mediaBitrateCalculated": p.Bitrate,
			"packetsSent": p.Packets, "bytesSent": p.Bytes, "packetsLost": p.Lost, "fractionLost": p.FractionLost,
			"jitter": p.JitterMS, "NACK": p.NACKed, "PLI": p.KeyframeRequests, "keyFrames": p.Keyframes,
			"clientHostType": t.Path, "erizoAudioMute": p.Muted && kind == protocol.Audio, "erizoVideoMute": p.Muted && kind == protocol.Video,
		}
		if kind != protocol.Video {
			continue
		}
		for _, l := range p.Layers {
			spatial := encodings + l.Spatial
			if n, ok := numericRID(p.RID); ok {
				spatial = n + l.Spatial
			}
			temporals, _ := layers[strconv.Itoa(spatial)].(map[string]any)
			if temporals == nil {
				temporals = map[string]any{}
				layers[strconv.Itoa(spatial)] = temporals
			}
			temporals[strconv.Itoa(l.Temporal)] = l.Bitrate
			if l.Flowing && (spatial > top[0] || spatial == top[0] && l.Temporal > top[1]) {
				top = [2]int{spatial, l.Temporal}
			}
		}
		encodings++
	}
	if len(entry) == 0 {
		return nil
	}
	if top[0] >= 0 {
		layers["maxActiveSpatialLayer"], layers["maxActiveTemporalLayer"] = top[0], top[1]
	}
	entry["qualityLayers"] = layers
	entry["total"] = map[string]any{"bitrateCalculated": total, "packetsCalculated": packets}
	entry["metadata"], entry["connection"] = map[string]any{}, t.connection()
	return entry
}

// subscriber gives the entry of who gets the stream on this transport; nil if
// nobody does. rates has what arrives of tracks, which is what audio is sent with.
func (t *transportCounts) subscriber(id protocol.StreamID, kinds map[protocol.TrackID]protocol.Kind, rates map[protocol.TrackID]uint64) map[string]any {
	entry := map[string]any{}
	var total uint64
	layers := map[string]any{}
	for _, slot := range t.Router.Subscribed {
		if slot.Stream != id {
			continue
		}
		counts := map[string]any{
			"type": kinds[slot.Track], "packetsSent": slot.Packets, "bytesSent": slot.Bytes,
			"packetsLost": slot.Lost, "fractionLost": min(int(slot.FractionLost*256), 255), "jitter": slot.JitterMS,
			"clientHostType": t.Path,
		}
		rate := uint64(0)
		if kinds[slot.Track] == protocol.Audio {
			rate = rates[slot.Track]
		}
		if l := slot.Layer; l != nil {
			spatial, _ := numericRID(l.RID)
			layers["selectedSpatialLayer"], layers["selectedTemporalLayer"] = spatial+l.Spatial, l.Temporal
			rate = l.Bitrate
		}
		counts["bitrateCalculated"], counts["mediaBitrateCalculated"] = rate, rate
		total += rate
		if t.Router.Link != nil {
			counts["bandwidth"] = t.Router.Link.Estimate
		}
		entry[t.key(slot.MID, "")] = counts
	}
	if len(entry) == 0 {
		return nil
	}
	entry["qualityLayers"] = layers
	entry["total"] = map[string]any{"bitrateCalculated": total}
	if l := t.Router.Link; l != nil {
		entry["total"] = map[string]any{
			"bitrateCalculated": total, "senderBitrateEstimation": l.Estimate, "paddingBitrate": l.Probing,
			"targetVideoBitrate": max(l.Wanted, 0),
		}
	}
	entry["metadata"], entry["connection"] = map[string]any{}, t.connection()
	return entry
}

// connection gives what is counted for the transport as a whole.
func (t *transportCounts) connection() map[string]any {
	l := t.Router.Link
	if l == nil {
		return map[string]any{"total": map[string]any{}}
	}
	return map[string]any{
		"erizoBandwidth": l.Estimate,
		"total": map[string]any{
			"senderBitrateEstimation": l.Estimate, "senderBitrateEstimationTarget": max(l.Wanted, 0),
			"videoBitrate": l.Used, "paddingBitrate": l.Probing, "targetBitrate": max(l.Wanted, 0),
			"numberOfStreams": len(t.Router.Subscribed), "unnasignedBitrate": max(l.Estimate-l.Used, 0),
		},
	}
}

// key stands for the SSRC, a number that is not told: it is the same as long as
// the section and the encoding are.
func (t *transportCounts) key(mid, rid string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(string(t.Transport) + "/" + mid + "/" + rid))
	return strconv.FormatUint(uint64(h.Sum32()), 10)
}

// numericRID gives the spatial layer of an encoding of Licode's clients, which
// they number from 1.
func numericRID(rid string) (int, bool) {
	n, err := strconv.Atoi(rid)
	if err != nil || n < 1 || n > 1+protocol.MaxLayer {
		return 0, false
	}
	return n - 1, true
}
