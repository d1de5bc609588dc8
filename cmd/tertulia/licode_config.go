package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"github.com/tertulia-rtc/tertulia/licode"
	"github.com/tertulia-rtc/tertulia/protocol"
)

// What becomes of a key of licode_config.js.
const (
	translated = "translated"
	ignored    = "ignored"
	refused    = "refused"
)

// licodeKey says what becomes of a key: with the function it is translated,
// else ignored for the reason. A key that ends in a dot stands for all that
// begin so; the longest that fits counts.
type licodeKey struct {
	key       string
	why       string
	translate func(t *translation, value any)
}

// licodeKeys is Licode's whole configuration, as its scripts/licode_default.js
// and its code have it.
var licodeKeys = []licodeKey{
	{key: "rabbit.", why: "there is no RabbitMQ: the parts speak to each other within the process"},
	{key: "logger.", why: "logs go to standard error; log-level and log-format set how"},
	{key: "cloudProvider.", why: "addresses are not asked of a cloud; behind NAT set public-ip"},

	{key: "nuve.dataBaseURL", why: "there is no MongoDB; tertulia import-licode brings services and rooms over"},
	{key: "nuve.dataBaseName", why: "there is no MongoDB"},
	{key: "nuve.superserviceID", translate: (*translation).superservice},
	{key: "nuve.superserviceKey", translate: (*translation).superservice},
	{key: "nuve.port", translate: func(t *translation, v any) { t.set("licode-http", ":"+text(v)) }},
	{key: "nuve.testErizoController", why: "the room for tests is a room like others"},
	{key: "nuve.cloudHandlerPolicy", why: "a policy of JavaScript cannot run here; rooms go to the worker with the least to do"},

	{key: "erizoController.iceServers", translate: (*translation).iceServers},
	{key: "erizoController.turnServer", why: "Licode does not use it either; see iceServers"},
	{key: "erizoController.hostname", translate: (*translation).nothing},
	{key: "erizoController.publicIP", translate: (*translation).nothing},
	{key: "erizoController.port", translate: (*translation).nothing},
	{key: "erizoController.ssl", translate: (*translation).nothing},
	{key: "erizoController.listen_port", translate: func(t *translation, v any) { t.set("http", ":"+text(v)) }},
	{key: "erizoController.listen_ssl", translate: (*translation).certificate},
	{key: "erizoController.ssl_key", translate: (*translation).nothing},
	{key: "erizoController.ssl_cert", translate: (*translation).nothing},
	{key: "erizoController.sslCaCerts", why: "put the chain into the file of tls-cert, after the certificate"},
	{key: "erizoController.roles", translate: (*translation).roles},
	{key: "erizoController.defaultVideoBW", translate: func(t *translation, v any) { t.bandwidth("licode-default-video-bandwidth", v) }},
	{key: "erizoController.maxVideoBW", translate: func(t *translation, v any) { t.bandwidth("licode-max-video-bandwidth", v) }},
	{key: "erizoController.networkinterface", why: "addresses are set, not interfaces: give http a host"},
	{key: "erizoController.networkInterface", why: "addresses are set, not interfaces: give http a host"},
	{key: "erizoController.exitOnNuveCheckFail", why: "the API and signalling are one process"},
	{key: "erizoController.interval_time_keepAlive", why: "the API and signalling are one process"},
	{key: "erizoController.allowSinglePC", translate: func(t *translation, v any) {
		t.set("licode-single-pc", map[bool]string{true: "on", false: "off"}[v == true])
	}},
	{key: "erizoController.maxErizosUsedByRoom", why: "a room spans as many loops as it needs"},
	{key: "erizoController.warning_n_rooms", why: "rooms are not counted: the load of a worker is"},
	{key: "erizoController.limit_n_rooms", why: "rooms are not counted: the load of a worker is"},
	{key: "erizoController.report.", translate: (*translation).reports},
	{key: "erizoController.reportSubscriptions.", why: "statistics are asked for over the API"},
	{key: "erizoController.recording_path", translate: func(t *translation, v any) { t.unless(v, nil, "recording is not there yet") }},
	{key: "erizoController.cloudHandlerPolicy", why: "a policy of JavaScript cannot run here; rooms go to the worker with the least to do"},

	{key: "erizoAgent.publicIP", translate: func(t *translation, v any) { t.address("public-ip", v) }},
	{key: "erizoAgent.networkinterface", why: "addresses are set, not interfaces: give udp and tcp a host"},
	{key: "erizoAgent.networkInterface", why: "addresses are set, not interfaces: give udp and tcp a host"},
	{key: "erizoAgent.", why: "there are no processes to be started: one process has a loop for each core (shards)"},

	{key: "erizo.numWorkers", why: "there is a loop for each core; shards sets another number"},
	{key: "erizo.numIOWorkers", why: "there is a loop for each core; shards sets another number"},
	{key: "erizo.activeUptimeLimit", why: "media processes need not be started anew"},
	{key: "erizo.maxTimeSinceLastOperation", why: "media processes need not be started anew"},
	{key: "erizo.checkUptimeInterval", why: "media processes need not be started anew"},
	{key: "erizo.stunserver", why: "the server needs none: it is reached at its own addresses (public-ip behind NAT)"},
	{key: "erizo.stunport", why: "the server needs no STUN server"},
	{key: "erizo.turnserver", translate: func(t *translation, v any) {
		t.unless(v, "", "the server itself uses no TURN server; it must be reachable at its UDP or TCP port")
	}},
	{key: "erizo.turnport", why: "the server uses no TURN server"},
	{key: "erizo.turnusername", why: "the server uses no TURN server"},
	{key: "erizo.turnpass", why: "the server uses no TURN server"},
	{key: "erizo.networkinterface", why: "addresses are set, not interfaces: give udp and tcp a host"},
	{key: "erizo.networkInterface", why: "addresses are set, not interfaces: give udp and tcp a host"},
	{key: "erizo.minport", translate: (*translation).mediaPort},
	{key: "erizo.maxport", why: "all media go through one port: that of minport"},
	{key: "erizo.useConnectionQualityCheck", why: "the quality of a connection is always told"},
	{key: "erizo.useNicer", why: "the server has an ICE of its own"},
	{key: "erizo.iceLite", why: "the server is always ICE-lite"},
	{key: "erizo.disabledHandlers", translate: func(t *translation, v any) { t.unless(v, []any{}, "there are no handlers to be disabled") }},
	{key: "erizo.handlerProfiles", translate: func(t *translation, v any) {
		t.unless(v, []any{[]any{}, []any{map[string]any{"name": "Logger"}}}, "handlers of C++ cannot run here")
	}},

	{key: "rov.", why: "there is no ROV; statistics are asked for over the API"},
	{key: "basicExample.", why: "it belongs to an application, not to the server"},
}

// translation is a configuration on its way.
type translation struct {
	config   map[string]any
	settings map[string]any
	now      string // the key that is translated
	outcome  string
	why      string
}

// translateConfig writes a settings file, and in its comments what became of
// every key and why.
func translateConfig(out io.Writer, in io.Reader, name string) error {
	decoder := json.NewDecoder(io.LimitReader(in, 16<<20))
	decoder.UseNumber()
	t := &translation{settings: map[string]any{}}
	err := decoder.Decode(&t.config)
	if err == nil && t.config == nil {
		err = errors.New("it is null")
	}
	if err != nil {
		return fmt.Errorf("%s is not a JSON object (node -p 'JSON.stringify(require(\"./licode_config.js\"))' makes one): %w", name, err)
	}
	fates := map[string][]string{}
	leaves := map[string]any{}
	flatten(leaves, "", t.config)
	for _, key := range slices.Sorted(maps.Keys(leaves)) {
		t.now, t.outcome, t.why = key, translated, ""
		rule, known := ruleOf(key)
		switch {
		case !known:
			t.refuse("Licode has no such key, or it is not known here")
		case rule.translate != nil:
			rule.translate(t, leaves[key])
		default:
			t.outcome, t.why = ignored, rule.why
		}
		fates[t.outcome] = append(fates[t.outcome], "#   "+strings.Map(printable, key+": "+t.why))
	}
	t.publicURL()
	t.bandwidths()
	body := ""
	if len(t.settings) > 0 {
		text, err := yaml.Marshal(t.settings)
		if err != nil {
			return err
		}
		body = string(text)
	}
	fmt.Fprintf(out, "# Settings of Tertulia, made of %s; docs/config.md explains them.\n%s", name, body)
	for _, part := range []struct{ outcome, head string }{
		{translated, "Translated"}, {ignored, "Ignored, since nothing here needs them"}, {refused, "Refused, since this is not done as before"},
	} {
		if len(fates[part.outcome]) > 0 {
			fmt.Fprintf(out, "\n# %s:\n%s\n", part.head, strings.Join(fates[part.outcome], "\n"))
		}
	}
	return nil
}

// printable keeps a comment on its line.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}

// flatten gives each value of a nested object by its path. Arrays, and the
// roles, are values.
func flatten(leaves map[string]any, path string, value any) {
	object, ok := value.(map[string]any)
	if !ok || path == "erizoController.roles" {
		leaves[path] = value
		return
	}
	for key, inner := range object {
		if path != "" {
			key = path + "." + key
		}
		flatten(leaves, key, inner)
	}
}

func ruleOf(key string) (found licodeKey, known bool) {
	for _, rule := range licodeKeys {
		if (rule.key == key || strings.HasSuffix(rule.key, ".") && strings.HasPrefix(key, rule.key)) && len(rule.key) > len(found.key) {
			found, known = rule, true
		}
	}
	return found, known
}

func (t *translation) refuse(why string) { t.outcome, t.why = refused, why }

func (t *translation) ignore(why string) { t.outcome, t.why = ignored, why }

// set sets one of our settings, unless the value is empty.
func (t *translation) set(setting, value string) {
	if value == "" || value == ":" || strings.ContainsAny(value, "\r\n") {
		t.ignore("it is empty")
		return
	}
	t.settings[setting] = value
	t.why = setting
}

// superservice takes the id or the key of the service that manages the others.
func (t *translation) superservice(value any) {
	s := text(value)
	switch {
	case strings.HasPrefix(s, "_auto_generated"):
		t.ignore("it was not filled in yet: both are made at the first start")
	case t.now == "nuve.superserviceKey":
		t.set("superservice-key", s)
	case s != "" && !protocol.ServiceID(strings.ToLower(s)).Valid():
		t.refuse("an id has 24 hexadecimal characters")
	default:
		t.set("superservice-id", strings.ToLower(s))
	}
}

// nothing is for keys that are translated together with another one, if at all.
func (t *translation) nothing(any) {
	switch key := t.now[strings.LastIndexByte(t.now, '.')+1:]; {
	case key == "ssl_key" || key == "ssl_cert":
		t.why = "tls-cert and tls-key"
		if t.get("listen_ssl") != true {
			t.ignore("listen_ssl is not true")
		}
	case t.host() == "":
		t.ignore("there is neither a hostname nor a publicIP: clients are sent where the application's request went")
	default:
		t.why = "public-url"
	}
}

// host is the name under which Licode's clients reached signalling, or empty.
func (t *translation) host() string {
	if name := text(t.get("hostname")); name != "" {
		return name
	}
	return text(t.get("publicIP"))
}

// unless ignores a value that asks for nothing, and refuses any other.
func (t *translation) unless(value, none any, why string) {
	a, _ := json.Marshal(value)
	b, _ := json.Marshal(none)
	if value == nil || value == "" || value == false || string(a) == string(b) {
		t.ignore("it asks for nothing")
		return
	}
	t.refuse(why)
}

// bandwidth takes a number of kb/s.
func (t *translation) bandwidth(setting string, value any) {
	kbps, err := strconv.ParseUint(text(value), 10, 31)
	if err != nil || kbps == 0 {
		t.refuse("it is not a number of kb/s")
		return
	}
	t.set(setting, text(value))
}

// bandwidths makes a pair of the two. Licode takes 300 kb/s for one that is missing, and its
// clients take the maximum for a default above it, with which this server would not start.
func (t *translation) bandwidths() {
	const usual, most = "licode-default-video-bandwidth", "licode-max-video-bandwidth"
	if t.settings[usual] == nil && t.settings[most] == nil {
		return
	}
	kbps := func(setting string) uint64 {
		if n, err := strconv.ParseUint(text(t.settings[setting]), 10, 31); err == nil {
			return n
		}
		return 300
	}
	t.settings[usual], t.settings[most] = strconv.FormatUint(min(kbps(usual), kbps(most)), 10), strconv.FormatUint(kbps(most), 10)
}

func (t *translation) address(setting string, value any) {
	ip := text(value)
	if ip != "" && net.ParseIP(ip) == nil {
		t.refuse(setting + " must be an IP address")
		return
	}
	t.set(setting, ip)
}

func (t *translation) reports(value any) {
	t.unless(value, false, "events are not pushed over RabbitMQ; statistics are asked for over the API")
}

// mediaPort takes the first of Licode's range: one port serves all.
func (t *translation) mediaPort(value any) {
	port, err := strconv.ParseUint(text(value), 10, 16)
	switch {
	case err != nil:
		t.refuse("it is not a port")
	case port == 0:
		t.ignore("any port will do: the default is 7882")
	default:
		t.settings["udp"], t.settings["tcp"] = ":"+text(value), ":"+text(value)
		t.why = "udp and tcp; one port serves all"
	}
}

// certificate takes ssl_cert and ssl_key, if the server is to speak TLS itself.
func (t *translation) certificate(value any) {
	if value != true {
		t.ignore("plain HTTP is the default")
		return
	}
	cert, key := text(t.get("ssl_cert")), text(t.get("ssl_key"))
	if cert == "" || key == "" {
		t.refuse("ssl_cert and ssl_key are missing; see tls-cert and tls-key")
		return
	}
	t.settings["tls-cert"], t.settings["tls-key"] = cert, key
	t.why = "tls-cert and tls-key (Licode's paths are relative to its folder erizo_controller/erizoController)"
}

// publicURL is where Licode told its clients to go.
func (t *translation) publicURL() {
	host := t.host()
	if host == "" {
		return
	}
	scheme, port := "http", text(t.get("port"))
	if t.get("ssl") == true {
		scheme = "https"
	}
	if port == "" {
		port = "8080"
	}
	t.settings["public-url"] = scheme + "://" + net.JoinHostPort(strings.Trim(host, "[]"), port)
}

// get gives a key of erizoController.
func (t *translation) get(key string) any {
	part, _ := t.config["erizoController"].(map[string]any)
	return part[key]
}

func (t *translation) iceServers(value any) {
	list, ok := value.([]any)
	if !ok {
		t.refuse("it is not an array of ICE servers")
		return
	}
	var servers []string
	for _, each := range list {
		server, _ := each.(map[string]any)
		urls, ok := server["urls"].([]any)
		if !ok {
			urls = []any{server["urls"]}
			if server["urls"] == nil {
				urls = []any{server["url"]}
			}
		}
		for _, u := range urls {
			line := text(u)
			if user, credential := text(server["username"]), text(server["credential"]); user != "" || credential != "" {
				line += "," + user + "," + credential
			}
			if check := (&serveCommand{ICEServer: []string{line}}); strings.ContainsAny(line, "\r\n") || line == "" {
				t.refuse("one of them has no URL")
				return
			} else if _, err := check.iceServers(); err != nil {
				t.refuse("one of them cannot be written as URL or URL,USER,PASSWORD")
				return
			}
			servers = append(servers, line)
		}
	}
	if len(servers) == 0 {
		t.ignore("it is empty")
		return
	}
	t.settings["ice-server"] = servers
	t.why = "ice-server"
}

func (t *translation) roles(value any) {
	config, err := json.Marshal(value)
	if err != nil {
		t.refuse("it is not JSON")
		return
	}
	roles, notes, err := licode.RolesOf(config)
	switch {
	case err != nil:
		t.refuse(err.Error())
	case len(roles) == 0 && len(notes) == 0:
		t.ignore("every service has these roles")
	default:
		names := slices.Sorted(maps.Keys(roles))
		t.refuse("roles belong to services here: tertulia import-licode --roles gives these to all that it brings in (" + strings.Join(names, ", ") + ")" +
			strings.Join(append([]string{""}, notes...), "; "))
	}
}

// text gives a string or a number as it is written.
func text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}
