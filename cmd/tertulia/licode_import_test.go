package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runHere runs the program in this process and gives what it printed.
func runHere(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	err = run(t.Context(), args, out)
	_ = out.Close()
	text, readErr := os.ReadFile(out.Name())
	if readErr != nil {
		t.Fatal(readErr)
	}
	return string(text), err
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.json")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestImportFromLicode(t *testing.T) {
	data := t.TempDir()
	services := write(t, `{"_id":{"$oid":"5f1a2b3c4d5e6f7081920a01"},"name":"app","key":"secret","rooms":[{"name":"r","_id":{"$oid":"6f1a2b3c4d5e6f7081920a01"}}]}`)
	rooms := write(t, `[{"_id":{"$oid":"6f1a2b3c4d5e6f7081920a01"},"name":"r"}]`)
	roles := write(t, `{"erizoController":{"roles":{"singer":{"publish":{"video":false}}}}}`)
	args := []string{"--data", data, "import-licode", services, rooms, "--roles", roles, "--super", "5f1a2b3c4d5e6f7081920a01"}
	line := func(text, head string) string {
		for l := range strings.Lines(text) {
			if strings.HasPrefix(l, head) {
				return strings.Join(strings.Fields(l), " ")
			}
		}
		return ""
	}
	out, err := runHere(t, append(args, "--dry-run")...)
	if err != nil || !strings.Contains(out, "Nothing was done") || line(out, "services") != "services 1 1 0 0 0 0" || line(out, "rooms") != "rooms 1 1 0 0 0 0" {
		t.Error(out, err)
	}
	if out, err = runHere(t, args...); err != nil || line(out, "services") != "services 1 1 0 0 0 0" || line(out, "rooms") != "rooms 1 1 0 0 0 0" {
		t.Error(out, err)
	}
	if out, err = runHere(t, args...); err != nil || line(out, "services") != "services 1 0 0 1 0 0" || line(out, "rooms") != "rooms 1 0 0 1 0 0" {
		t.Error(out, err)
	}
	if out, err = runHere(t, "--data", data, "service", "show"); err != nil || !strings.Contains(out, "id  5f1a2b3c4d5e6f7081920a01\nkey secret\n") {
		t.Error("the first service:", out, err)
	}
	if out, err = runHere(t, "--data", data, "token", "6f1a2b3c4d5e6f7081920a01", "ana", "--role", "singer"); err != nil {
		t.Error("its role:", out, err)
	}
	bad := write(t, `{"_id":"x","name":"a","key":"k"}`)
	if out, err = runHere(t, "--data", data, "import-licode", bad); err == nil || !strings.Contains(out, "is refused") || !strings.Contains(err.Error(), "1 of them") {
		t.Error(out, err)
	}
	for _, args := range [][]string{{bad + "x"}, {services, "--super", "x"}, {services, "--roles", bad}, {write(t, "")}} {
		if out, err := runHere(t, append([]string{"--data", data, "import-licode"}, args...)...); err == nil {
			t.Error(args, out)
		}
	}
}

func TestTheSettingsOfLicode(t *testing.T) {
	config := write(t, `{
		"rabbit":{"host":"localhost","port":5672,"heartbeat":8},"logger":{"configFile":"../x"},"cloudProvider":{"name":""},
		"nuve":{"dataBaseURL":"mongodb://localhost/nuvedb","superserviceID":"5F1A2B3C4D5E6F7081920A00","superserviceKey":"30745","port":3000,"cloudHandlerPolicy":"mine.js"},
		"erizoController":{"iceServers":[{"url":"stun:stun.example.org:19302"},{"urls":["turn:a.example.org","turns:b.example.org"],"username":"ana","credential":"pass"}],
			"publicIP":"192.0.2.1","hostname":"meet.example.org","port":8443,"ssl":true,"listen_port":8080,"listen_ssl":true,"ssl_key":"/key.pem","ssl_cert":"/cert.pem","sslCaCerts":["x"],
			"defaultVideoBW":300,"maxVideoBW":900,"allowSinglePC":false,"report":{"session_events":true,"rtcp_stats":false},"recording_path":"/rec",
			"roles":{"presenter":{"publish":true,"subscribe":true,"record":true,"stats":true,"controlhandlers":true},"singer":{"publish":{"video":false},"fly":true}}},
		"erizoAgent":{"maxProcesses":1,"publicIP":"192.0.2.7","networkinterface":""},
		"erizo":{"numWorkers":24,"minport":30000,"maxport":31000,"turnserver":"","disabledHandlers":[],"handlerProfiles":[[],[{"name":"Logger"}]],"iceLite":false},
		"rov":{"serverPort":3005},"basicExample":{"port":3001},
		"mine":{"a\nb":1}}`)
	out, err := runHere(t, "import-licode", "config", config)
	if err != nil {
		t.Fatal(err)
	}
	var c commands
	parse(t, &c, out) // it is a settings file
	s := c.Serve
	servers, err := s.iceServers()
	if s.HTTP != ":8080" || s.LicodeHTTP != ":3000" || s.PublicURL != "https://meet.example.org:8443" || s.TLSCert != "/cert.pem" || s.TLSKey != "/key.pem" ||
		s.SuperserviceID != "5f1a2b3c4d5e6f7081920a00" || s.SuperserviceKey != "30745" || s.UDP.String() != ":30000" || s.TCP.String() != ":30000" ||
		s.LicodeDefaultVideoBandwidth != 300 || s.LicodeMaxVideoBandwidth != 900 || s.LicodeSinglePC != "off" ||
		len(s.PublicIP) != 1 || s.PublicIP[0].String() != "192.0.2.7" || err != nil || len(servers) != 3 || servers[2].Credential != "pass" || servers[2].URLs[0] != "turns:b.example.org" {
		t.Errorf("%+v\n%v\n%s", s, err, out)
	}
	// Every key is named, with what became of it.
	_, comments, _ := strings.Cut(out, "# Translated:")
	good, rest, _ := strings.Cut(comments, "# Ignored")
	none, bad, _ := strings.Cut(rest, "# Refused")
	for where, keys := range map[*string][]string{
		&good: {"nuve.superserviceID", "nuve.superserviceKey", "nuve.port", "erizoController.iceServers", "erizoController.hostname", "erizoController.publicIP", "erizoController.port", "erizoController.ssl",
			"erizoController.listen_port", "erizoController.listen_ssl", "erizoController.defaultVideoBW", "erizoController.maxVideoBW", "erizoController.allowSinglePC", "erizoController.ssl_key", "erizoController.ssl_cert", "erizoAgent.publicIP", "erizo.minport"},
		&none: {"rabbit.host", "rabbit.port", "rabbit.heartbeat", "logger.configFile", "cloudProvider.name", "nuve.dataBaseURL", "nuve.cloudHandlerPolicy",
			"erizoController.sslCaCerts", "erizoController.report.rtcp_stats", "erizoAgent.maxProcesses", "erizoAgent.networkinterface",
			"erizo.numWorkers", "erizo.maxport", "erizo.turnserver", "erizo.disabledHandlers", "erizo.handlerProfiles", "erizo.iceLite", "rov.serverPort", "basicExample.port"},
		&bad: {"erizoController.report.session_events", "erizoController.recording_path", "erizoController.roles", "mine.a b"},
	} {
		for _, key := range keys {
			if !strings.Contains(*where, "\n#   "+key+": ") {
				t.Errorf("%s is not where it should be, in\n%s", key, out)
			}
		}
	}
	if !strings.Contains(bad, "(singer); role singer: the right fly") {
		t.Error(bad)
	}
}

// The server starts with what comes of any pair that Licode takes.
func TestBandwidthsOfLicode(t *testing.T) {
	for text, want := range map[string][2]int{
		`{"defaultVideoBW":900,"maxVideoBW":600}`: {600, 600},
		`{"maxVideoBW":900}`:                      {300, 900},
		`{"maxVideoBW":200}`:                      {200, 200},
		`{"defaultVideoBW":900}`:                  {300, 300},
		`{"defaultVideoBW":900,"maxVideoBW":0}`:   {300, 300},
		`{"defaultVideoBW":900,"maxVideoBW":901}`: {900, 901},
		`{}`: {1500, 5000},
	} {
		out, err := runHere(t, "import-licode", "config", write(t, `{"erizoController":`+text+`}`))
		if err != nil {
			t.Fatal(err)
		}
		var c commands
		parse(t, &c, out)
		if got := [2]int{c.Serve.LicodeDefaultVideoBandwidth, c.Serve.LicodeMaxVideoBandwidth}; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestSettingsOfLicodeThatAskForNothing(t *testing.T) {
	out, err := runHere(t, "import-licode", "config", write(t, `{"nuve":{"superserviceID":"_auto_generated_ID_","superserviceKey":"_auto_generated_KEY_"},
		"erizoController":{"hostname":"","publicIP":"","port":8080,"ssl":false,"listen_ssl":false,"iceServers":[],"recording_path":null,"roles":{"viewer":{"subscribe":true}}},
		"erizo":{"minport":0,"maxport":0},"erizoAgent":{"publicIP":""}}`))
	var c commands
	if err != nil {
		t.Fatal(err)
	}
	parse(t, &c, out)
	var plain commands
	parse(t, &plain, "")
	if c.Serve.HTTP != plain.Serve.HTTP || c.Serve.PublicURL != "" || strings.Contains(out, "# Refused") {
		t.Error(out)
	}
	for name, text := range map[string]string{"no JSON": "var config = {};", "null": "null", "a list": "[]"} {
		if out, err := runHere(t, "import-licode", "config", write(t, text)); err == nil {
			t.Error(name, out)
		}
	}
	for name, text := range map[string]string{
		"an id that is none": `{"nuve":{"superserviceID":"x"}}`, "an address that is none": `{"erizoAgent":{"publicIP":"example.org"}}`, "a port that is none": `{"erizo":{"minport":"x"}}`,
		"a list that is none": `{"erizoController":{"iceServers":"x"}}`, "a server without a URL": `{"erizoController":{"iceServers":[{}]}}`, "a credential with a comma": `{"erizoController":{"iceServers":[{"url":"turn:a","username":"a,b","credential":"c"}]}}`,
		"TLS without a certificate": `{"erizoController":{"listen_ssl":true}}`, "roles that are none": `{"erizoController":{"roles":7}}`, "handlers": `{"erizo":{"disabledHandlers":["x"]}}`,
	} {
		if out, err := runHere(t, "import-licode", "config", write(t, text)); err != nil || !strings.Contains(out, "# Refused") {
			t.Error(name, out, err)
		}
	}
}
