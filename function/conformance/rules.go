package conformance

// Rule is one thing that a rotation function must do, whatever happens.
type Rule struct {
	ID       string
	Sentence string
	Why      string
	Link     string // to AWS's documentation of it
	// Needs is what of the provider must be known to check it.
	Needs Need
}

// Need is a question that only the provider can answer.
type Need string

// The needs of rules.
const (
	NoNeed      Need = ""
	NeedAccepts Need = "accepts"
	NeedList    Need = "list"
	NeedSlow    Need = "slow"
)

const (
	docsFunction = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html"
	docsRotate   = "https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html"
	docsPut      = "https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html"
	docsStage    = "https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html"
	docsTrouble  = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot_rotation.html"
	docsPractice = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/best-practices.html"
	docsCancel   = "https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CancelRotateSecret.html"
)

// The ids of the rules.
const (
	finishes         = "finishes"
	retryFinishes    = "retry-finishes"
	currentWorks     = "current-works"
	noOrphan         = "no-orphan"
	onePendingValue  = "one-pending-value"
	newValue         = "new-value"
	repeatable       = "repeatable"
	inOrder          = "in-order"
	onlyPending      = "only-pending"
	currentMovesLast = "current-moves-last"
	ownVersion       = "own-version"
	testTests        = "test-tests"
	testAlone        = "test-alone"
	handWins         = "hand-wins"
	waitsForIt       = "waits-for-it"
	offMeansOff      = "off-means-off"
	unknownStep      = "unknown-step"
	noValueShown     = "no-value-shown"
)

// Rules are all rules, in the order in which reports list them.
func Rules() []Rule {
	return []Rule{
		{
			ID: finishes, Link: docsFunction,
			Sentence: "Four steps with nothing in their way end with AWSCURRENT on the new version.",
			Why:      "Success is judged by the label and not by the function's answer.",
		},
		{
			ID: retryFinishes, Link: docsTrouble,
			Sentence: "After a crash or an error at any point, the same four steps with the same token end with AWSCURRENT on the new version.",
			Why:      "The service starts the sequence again with the same token. A function that cannot go on leaves a rotation that fails for ever, and a secret that gets old.",
		},
		{
			ID: currentWorks, Link: docsFunction, Needs: NeedAccepts,
			Sentence: "Once a rotation ended the provider accepts AWSCURRENT; and where a clean rotation never interrupts that, nothing else does.",
			Why:      "Every client reads AWSCURRENT. If the provider refuses it, all of them stand still.",
		},
		{
			ID: noOrphan, Link: docsPractice, Needs: NeedList,
			Sentence: "After a crash, or with two invocations at once, no more credentials live at the provider than after a clean rotation.",
			Why:      "A live credential that no version holds is known to nobody: it is never rotated, never revoked, and fills the provider's quota.",
		},
		{
			ID: onePendingValue, Link: docsFunction,
			Sentence: "createSecret keeps the value that AWSPENDING has, and never offers a second one for the same token.",
			Why:      "The provider may have been given the first one already. A second PutSecretValue with another value is refused as ResourceExistsException, and the step fails from then on.",
		},
		{
			ID: newValue, Link: docsFunction,
			Sentence: "A new token gets a new value: neither the current one nor one that another token left behind.",
			Why:      "Otherwise the rotation changes nothing, or brings back a value that somebody gave up.",
		},
		{
			ID: repeatable, Link: docsFunction,
			Sentence: "Every step may be repeated: it succeeds again, and moves no label and changes no value. finishSecret succeeds where AWSCURRENT moved already.",
			Why:      "Lambda and the service both repeat; an answer that was lost looks like a failure.",
		},
		{
			ID: inOrder, Link: docsFunction,
			Sentence: "setSecret, testSecret and finishSecret on a version without a value fail.",
			Why:      "createSecret did not end. Going on would set or promote nothing.",
		},
		{
			ID: onlyPending, Link: docsFunction,
			Sentence: "A step whose token is not the version with AWSPENDING fails, and changes no label and no value.",
			Why:      "Events come late and twice. A late finishSecret must not bring back an old version.",
		},
		{
			ID: currentMovesLast, Link: docsStage,
			Sentence: "AWSCURRENT moves in finishSecret and in no step before it.",
			Why:      "Before testSecret nobody knows whether the new value works.",
		},
		{
			ID: ownVersion, Link: docsPut,
			Sentence: "The function puts one version, the one of its token, and labels it AWSPENDING; it puts nothing else and ends with no AWSPENDING elsewhere.",
			Why:      "PutSecretValue without VersionStages makes the value AWSCURRENT at once; with a token of its own the value is no part of the rotation.",
		},
		{
			ID: testTests, Link: docsFunction, Needs: NeedAccepts,
			Sentence: "testSecret fails while the provider refuses AWSPENDING.",
			Why:      "It is the only thing that stands between a value that does not work and AWSCURRENT.",
		},
		{
			ID: testAlone, Link: docsRotate,
			Sentence: "testSecret alone, on a copy of the current value as RotateImmediately=false sends it, succeeds and changes nothing.",
			Why:      "That is how rotation is set up without rotating. A function that fails there cannot be configured that way.",
		},
		{
			ID: handWins, Link: docsRotate,
			Sentence: "What a person makes AWSCURRENT stays so: the steps of the rotation that was under way fail.",
			Why:      "Somebody answered an emergency. A step that arrives afterwards must not undo it.",
		},
		{
			ID: waitsForIt, Link: docsFunction, Needs: NeedSlow,
			Sentence: "Where the provider is slow to accept a new credential, the rotation waits or fails, and finishes once it is accepted.",
			Why:      "Many providers take seconds to minutes. Moving AWSCURRENT before is an outage.",
		},
		{
			ID: offMeansOff, Link: docsCancel,
			Sentence: "While RotationEnabled is false every step fails, and changes no label and no value.",
			Why:      "Somebody cancelled the rotation, and its steps may still be on their way.",
		},
		{
			ID: unknownStep, Link: docsFunction,
			Sentence: "An event with a step that the function does not know fails.",
			Why:      "Success would be taken for work that was done.",
		},
		{
			ID: noValueShown, Link: docsPractice,
			Sentence: "No secret value is in the function's log, answer or error.",
			Why:      "Logs are read by more people than secrets, and kept longer.",
		},
	}
}

// RuleByID finds a rule.
func RuleByID(id string) (Rule, bool) {
	for _, r := range Rules() {
		if r.ID == id {
			return r, true
		}
	}
	return Rule{}, false
}
