# agent-ptrace passes for any agent where Yama forbids attaching. Looking at the environment and the
# memory of one's own process is something Yama allows: only an agent that cannot be dumped refuses.

tid="the agent's own user cannot look into it"

test -r /proc/self/environ || fatal "no /proc"
eval `${SSHAGENT} -s` >/dev/null || fatal "could not start the agent"
kill -0 $SSH_AGENT_PID || fatal "no agent"
sleep 60 &
witness=$!
cat /proc/$witness/environ >/dev/null || fatal "even a process that hides nothing cannot be looked into"
kill $witness
for file in environ mem maps auxv; do
	if cat /proc/$SSH_AGENT_PID/$file >/dev/null 2>$OBJ/refused; then
		fail "the agent's $file can be read"
	fi
	grep 'Permission denied' $OBJ/refused >/dev/null || fail "$file: `cat $OBJ/refused`"
done
${SSHAGENT} -k >/dev/null
