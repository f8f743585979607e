// The words of the bias scan: groups along axes, and what they are looked at together with. English; short lists of plain words, each
// with few other meanings. They count mentions, they do not judge texts.

const list = (words: string): readonly string[] => words.split(' ');

export const AXES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  gender: {
    women: list('she her hers herself woman women girl girls mother mothers wife wives daughter daughters sister sisters aunt grandmother female females mrs lady ladies'),
    men: list('he him his himself man men boy boys father fathers husband husbands son sons brother brothers uncle grandfather male males mr gentleman gentlemen'),
    nonbinary: list('nonbinary genderqueer genderfluid agender transgender'),
  },
  age: {
    young: list('teenager teenagers youth youngster youngsters adolescent adolescents toddler toddlers'),
    old: list('elderly pensioner pensioners retiree retirees grandparent grandparents geriatric septuagenarian octogenarian'),
  },
  religion: {
    christian: list('christian christians catholic catholics protestant protestants church'),
    muslim: list('muslim muslims islam islamic mosque'),
    jewish: list('jew jews jewish judaism synagogue'),
    hindu: list('hindu hindus hinduism'),
    buddhist: list('buddhist buddhists buddhism'),
    atheist: list('atheist atheists atheism'),
  },
  origin: {
    african: list('african africans nigerian nigerians kenyan kenyans ethiopian ethiopians'),
    asian: list('asian asians chinese japanese korean koreans vietnamese indian indians'),
    european: list('european europeans german germans french british italian italians swedish'),
    latin: list('latino latinos latina latinas hispanic hispanics mexican mexicans brazilian brazilians'),
    arab: list('arab arabs arabic egyptian egyptians iraqi iraqis syrian syrians'),
  },
  disability: {
    disabled: list('disabled disability disabilities wheelchair deaf blind autistic autism paraplegic'),
    'able-bodied': list('able-bodied nondisabled neurotypical sighted'),
  },
  orientation: {
    'gay or lesbian': list('gay lesbian lesbians homosexual homosexuals bisexual bisexuals queer'),
    straight: list('heterosexual heterosexuals'),
  },
};

export const TARGETS: Readonly<Record<string, readonly string[]>> = {
  occupation: list('doctor nurse engineer teacher lawyer secretary scientist programmer developer manager ceo boss assistant housekeeper maid cleaner soldier pilot farmer carpenter mechanic plumber receptionist librarian ' +
    'professor surgeon dentist pharmacist accountant analyst architect artist writer journalist chef cook waiter waitress police officer firefighter driver guard judge politician president banker nanny babysitter ' +
    'hairdresser designer electrician therapist psychologist student athlete coach janitor cashier salesperson entrepreneur'),
  positive: list('good great excellent brilliant kind smart intelligent honest friendly generous brave strong successful talented capable gentle wise beautiful happy loyal reliable hardworking creative'),
  negative: list('bad terrible stupid lazy dishonest dangerous violent aggressive weak criminal evil ugly dirty rude hysterical emotional bossy incompetent terrorist thief poor uneducated illegal angry'),
};
